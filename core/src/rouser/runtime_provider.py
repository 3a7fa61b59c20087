"""A runtime plugin's hooks, typed; see :mod:`rouser.provider`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rouser.errors import ConfigError, PluginError
from rouser.models import DiscoveredRuntime, Session
from rouser.provider import Provider


class Runtime(Provider):
    """A runtime plugin."""

    kind = "runtime"

    def creating(self, session: Session) -> None:
        """Let the plugin begin what takes time before it can create a runtime; what fails, fails again then."""
        if self._has("runtime_creating"):
            with suppress(PluginError):
                self._call("runtime_creating", session=session)

    def create(self, session: Session, name: str, cwd: Path, command: Sequence[str], env: Mapping[str, str]) -> str:
        """Start ``command`` in a new runtime and return its handle."""
        handle: str = self._call("runtime_create", session=session, name=name, cwd=cwd, command=tuple(command), env=env)
        if not handle:
            raise self._wrong("runtime_create", handle, "a handle that is not empty")
        return handle

    def is_alive(self, handle: str) -> bool:
        """Return whether the agent in the runtime still runs."""
        alive: bool = self._call("runtime_is_alive", handle=handle)
        return alive

    def are_alive(self, handles: Sequence[str]) -> list[bool | PluginError]:
        """Return for each handle what :meth:`is_alive` would return or raise."""
        return self._host.call_each(self.name, "runtime_is_alive", [{"handle": handle} for handle in handles])

    def list_alive(self, handles: Sequence[str]) -> dict[str, bool]:
        """Return for each handle whether its agent runs; those of which it is unknown are left out."""
        value: Mapping[str, Any] = self._call("runtime_list_alive", handles=tuple(handles))
        return {handle: alive for handle, alive in value.items() if isinstance(alive, bool)}

    @property
    def caller_environment(self) -> Mapping[str, str]:
        """The environment that rouser was called with."""
        return self._host.environment

    @property
    def lists_alive(self) -> bool:
        """Whether the plugin answers for many handles in one round trip."""
        return self._has("runtime_list_alive")

    def send_message(self, handle: str, message: str) -> None:
        """Type a message into the agent's terminal and submit it."""
        self._call("runtime_send_message", handle=handle, message=message)

    @property
    def submits(self) -> bool:
        """Whether the plugin can submit what stands typed in the agent's terminal."""
        return self._has("runtime_submit")

    def submit(self, handle: str) -> None:
        """Submit what stands typed in the agent's terminal."""
        self._call("runtime_submit", handle=handle)

    def destroy(self, handle: str) -> None:
        """End the runtime and every process in it."""
        self._call("runtime_destroy", handle=handle)

    def get_output(self, handle: str, lines: int) -> str | None:
        """Return the last lines of the agent's terminal; None when the plugin keeps no output."""
        output: str | None = self._optional("runtime_get_output", handle=handle, lines=lines)
        return output

    @property
    def ends(self) -> bool:
        """Whether the plugin ends a runtime and returns its output in one call."""
        return self._has("runtime_end")

    def end(self, handle: str, lines: int) -> str:
        """End the runtime and every process in it, and return the last lines of the agent's terminal."""
        output: str = self._call("runtime_end", handle=handle, lines=lines)
        return output

    def attach_command(self, handle: str) -> tuple[str, ...] | None:
        """Return the argv that attaches the terminal; None when the plugin has no such thing."""
        if not self._has("runtime_attach_command"):
            return None
        return tuple(self._call("runtime_attach_command", handle=handle))

    def describe(self, handles: Sequence[str]) -> Mapping[str, str]:
        """Return what the plugin has to say of live runtimes, for those of which there is something."""
        if not handles or not self._has("runtime_describe"):
            return {}
        value: Mapping[str, Any] = self._call("runtime_describe", handles=tuple(handles))
        return {handle: note for handle, note in value.items() if isinstance(note, str)}

    def options(self, options: Mapping[str, str]) -> Mapping[str, Any]:
        """Return what a session keeps of the options that it was spawned with.

        :raises PluginCallError: one is not allowed.
        :raises ConfigError: the plugin takes none.
        """
        if not options:
            return {}
        if not self._has("runtime_options"):
            raise ConfigError(f"the runtime {self.name} takes no options; leave --runtime-option out")
        kept: Mapping[str, Any] = self._call("runtime_options", options=dict(options))
        return kept

    def discover(self) -> list[DiscoveredRuntime] | None:
        """Return the live runtimes that the plugin made; None when it cannot tell."""
        found: list[DiscoveredRuntime] | None = self._optional("runtime_discover")
        return found

    @property
    def adopts(self) -> bool:
        """Whether the plugin can take over a runtime that somebody started by hand."""
        return self._has("runtime_adopt")

    def adopt(self, session: Session, pid: int) -> str | None:
        """Take the runtime that a process runs in for the session's; None when it is none of the plugin's."""
        handle: str | None = self._call("runtime_adopt", session=session, pid=pid)
        return handle
