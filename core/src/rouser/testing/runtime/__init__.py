"""The conformance tests of runtimes."""

from __future__ import annotations

from typing import ClassVar

from rouser.testing.runtime.crowd import CrowdTests
from rouser.testing.runtime.ends import EndTests
from rouser.testing.runtime.faults import FaultTests
from rouser.testing.runtime.launch import LaunchTests
from rouser.testing.runtime.life import LifeTests
from rouser.testing.runtime.messages import MessageTests
from rouser.testing.runtime.options import OptionTests


class RuntimeConformance(LifeTests, LaunchTests, MessageTests, EndTests, FaultTests, CrowdTests, OptionTests):
    """The tests that a runtime has to pass; subclass it and add a fixture ``plugin``.

    Besides optional hooks, ``missing`` may name ``terminal`` (the agent has one), ``detached_children``
    (processes that left the agent's session end with the runtime) and ``output_after_end`` (what an agent
    printed last can be read after its end).
    """

    kind: ClassVar[str] = "runtime"
