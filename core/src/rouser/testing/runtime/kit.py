"""What a test of a runtime has to itself: a host with the plugin, and agents to run in it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from rouser.host import Host
from rouser.models import Session
from rouser.runtime_provider import Runtime
from rouser.testing.base import DEADLINE, NAME, Conformance
from rouser.testing.probes import Probe
from rouser.testing.sessions import new_session
from rouser.testing.verdict import eventually, expect


@dataclass(frozen=True)
class Started:
    """A runtime that was created, and the agent in it."""

    handle: str
    agent: Probe
    session: Session


class RuntimeKit:
    """A host that has the plugin, and nothing else of anybody's.

    :ivar runtime: the plugin, called as the program calls it.
    """

    def __init__(self, plugin: object, settings: Mapping[str, Any], root: Path) -> None:
        self.plugin: Final = plugin
        self.settings: Final = settings
        self.root: Final = root
        self.runtime: Final = self.anew()
        self._numbers: Final = itertools.count(1)

    def anew(self, seconds: float = DEADLINE) -> Runtime:
        """Return the plugin as a later command has it: in a host of its own, remembering nothing."""
        host = Host({NAME: self.settings}, seconds)
        host.register(self.plugin, NAME)
        return Runtime(host, NAME)

    @property
    def environment(self) -> dict[str, str]:
        """A small environment; it names the kit's directory, so that whatever inherits it can be found."""
        return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "ROUSER_KIT": str(self.root), "TERM": "xterm"}

    def directory(self, name: str = "work") -> Path:
        """Return a directory for agents, made if need be."""
        path = self.root / "d" / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def probe(self) -> Probe:
        """Return an agent that does not run yet."""
        records = self.root / "r"
        records.mkdir(exist_ok=True)
        return Probe(records / str(next(self._numbers)))

    def create(
        self,
        name: str,
        command: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        session: Session | None = None,
        runtime: Runtime | None = None,
    ) -> str:
        """Have the plugin create a runtime, which is announced as the host does, and return its handle."""
        runtime = runtime or self.runtime
        session = session or new_session(self.root)
        runtime.creating(session)
        handle = runtime.create(
            session,
            name,
            cwd or self.directory(),
            command,
            {**self.environment, **(env or {})},
        )
        expect(handle and handle.isprintable(), f"the handle {handle!r} is not a printable string")
        return handle

    def start(self, name: str = "proj-1", *arguments: str, flags: str = "", **options: Any) -> Started:
        """Start a probe agent in a runtime and return when it runs.

        :param options: as for :meth:`create`.
        """
        probe = self.probe()
        session = options.pop("session", None) or new_session(self.root)
        handle = self.create(name, probe.command(*arguments, flags=flags), session=session, **options)
        expect(probe.pid, "the agent has no process")
        return Started(handle, probe, session)

    def expect_alive(self, started: Started, when: str) -> None:
        """Insist that the plugin says alive of an agent that runs."""
        expect(started.agent.runs, f"the agent does not run {when}")
        expect(self.runtime.is_alive(started.handle), f"an agent that runs is reported dead {when}")

    def expect_dead(self, started: Started, when: str) -> None:
        """Insist that an agent does not run, and that the plugin comes to say so."""
        expect(eventually(lambda: not started.agent.runs), f"the agent still runs {when}")
        expect(
            eventually(lambda: not self.runtime.is_alive(started.handle)),
            f"an agent that has ended is reported alive {when}",
        )


class RuntimeTests(Conformance):
    """Base of the tests of runtimes."""

    @pytest.fixture
    def kit(self, plugin: object, settings: Mapping[str, Any], root: Path) -> RuntimeKit:
        """Provide a host with the plugin."""
        return RuntimeKit(plugin, settings, root)
