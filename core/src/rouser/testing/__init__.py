"""The conformance kit for plugin authors: subclass the class of your plugin's kind, and pytest does the rest.

Needs pytest: ``pip install "rouser[testing]"``. See ``docs/conformance.md``.
"""

from rouser.testing.agent import AgentConformance
from rouser.testing.runtime import RuntimeConformance
from rouser.testing.workspace import WorkspaceConformance

__all__ = ["AgentConformance", "RuntimeConformance", "WorkspaceConformance"]
