"""The runtime of rouser that needs no tmux: a supervisor process and a terminal for each agent."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rouser import Diagnosis, DiscoveredRuntime, PluginSpec, RuntimeSpec, Session, hookimpl
from rouser_process.handle import Handle
from rouser_process.places import configured_base


class ProcessRuntime(RuntimeSpec, PluginSpec):
    """Runs agents in terminals of their own; see the README for what is promised and how.

    What only some hooks need is imported by them.
    """

    def __init__(self) -> None:
        self._settings: Mapping[str, Any] = {}

    @property
    def base(self) -> Path:
        """The directory that has all new runtimes."""
        return configured_base(self._settings)

    @hookimpl
    def plugin_configure(self, settings: Mapping[str, Any]) -> None:
        """Take ``directory``: an absolute path, or one that begins with ``~``."""
        configured_base(settings)
        self._settings = settings

    @hookimpl
    def plugin_scratch_settings(self, directory: Path) -> Mapping[str, Any]:
        """Keep the runtimes below ``directory``."""
        return {"directory": str(directory / "process")}

    @hookimpl
    def plugin_available(self) -> str | None:
        """Return why this system is of no use, if it is not."""
        from rouser_process.diagnosis import missing

        return missing()

    @hookimpl
    def plugin_diagnose(self) -> Sequence[Diagnosis]:
        """Look at processes, terminals, and the directory of runtimes."""
        from rouser_process.diagnosis import diagnose

        return list(diagnose(self.base))

    @hookimpl
    def runtime_create(
        self, session: Session, name: str, cwd: Path, command: Sequence[str], env: Mapping[str, str]
    ) -> str:
        """Start the agent in a new terminal."""
        from rouser_process.creation import create

        return str(create(self.base, session, name=name, cwd=cwd, command=command, env=env))

    @hookimpl
    def runtime_is_alive(self, handle: str) -> bool:
        """Return whether the agent's own process runs."""
        from rouser_process.liveness import is_alive

        return is_alive(Handle.parse(handle))

    @hookimpl
    def runtime_list_alive(self, handles: Sequence[str]) -> Mapping[str, bool]:
        """Answer for many, asking all supervisors at the same time."""
        from rouser_process.liveness import list_alive

        return list_alive(handles)

    @hookimpl
    def runtime_send_message(self, handle: str, message: str) -> None:
        """Paste the message into the agent's terminal, and submit it."""
        from rouser_process.messages import send

        send(Handle.parse(handle), message)

    @hookimpl
    def runtime_destroy(self, handle: str) -> None:
        """End the agent's processes and their supervisor."""
        from rouser_process.destruction import destroy

        destroy(Handle.parse(handle))

    @hookimpl
    def runtime_get_output(self, handle: str, lines: int) -> str:
        """Return the last lines of the agent's terminal, also after the agent has ended."""
        from rouser_process.output import last_lines

        return last_lines(Handle.parse(handle), lines)

    @hookimpl
    def runtime_attach_command(self, handle: str) -> Sequence[str]:
        """Return the argv of this package's own terminal client."""
        return [sys.executable, "-P", "-m", "rouser_process", "attach", handle]

    @hookimpl
    def runtime_discover(self) -> Sequence[DiscoveredRuntime]:
        """Return the runtimes in the configured directory whose agents run."""
        from rouser_process.liveness import discover

        return discover(self.base)
