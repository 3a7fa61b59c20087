"""The kit for an installed plugin, as ``rouser plugins check`` runs it; collected by pytest, told what to do by it.

The environment variable ``ROUSER_KIT_TASK`` holds a JSON object: ``name``, ``config`` (an agent's settings, with its
``arguments``), and ``programs``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, Final

import pytest

from rouser.entrypoints import installed
from rouser.hookspecs import KINDS, hooks_of, is_optional
from rouser.host import Host
from rouser.testing import AgentConformance, RuntimeConformance, WorkspaceConformance
from rouser.testing.base import Conformance

VARIABLE: Final = "ROUSER_KIT_TASK"
_BASES: Final[Mapping[str, type[Conformance]]] = {
    "runtime": RuntimeConformance,
    "agent": AgentConformance,
    "workspace": WorkspaceConformance,
}


def classes_for(task: Mapping[str, Any]) -> dict[str, type]:
    """Return a test class for each kind that the plugin serves, by the name of the class."""
    name = task["name"]
    (entry,) = [entry for entry in installed() if entry.name == name]
    host = Host()
    host.register(entry.load(), name)

    @pytest.fixture
    def plugin(self: object) -> object:
        """Return what the entry point names."""
        del self
        return entry.load()

    @pytest.fixture
    def agent_config(self: object) -> Mapping[str, Any]:
        """Return the user's own settings for the agent."""
        del self
        config: Mapping[str, Any] = task["config"]
        return config

    found: dict[str, type] = {}
    for kind, base in _BASES.items():
        if kind in host.names(kind) or name in host.names(kind):
            missing = {
                hook: "the plugin does not have it"
                for hook in hooks_of(KINDS[kind])
                if is_optional(KINDS[kind], hook) and not host.implements(name, hook)
            }
            if kind == "agent":
                missing["conversations"] = "only the plugin's own tests can make conversations"
            members = {
                "__module__": __name__,
                "plugin": plugin,
                "declares": False,
                "missing": missing,
                "programs": tuple(task["programs"]),
            }
            if kind == "agent":
                members["agent_config"] = agent_config
            found[f"Test{kind.capitalize()}"] = type(f"Test{kind.capitalize()}", (base,), members)
    return found


if VARIABLE in os.environ:
    globals().update(classes_for(json.loads(os.environ[VARIABLE])))
