"""The tmux runtime of rouser: each agent is the own process of a pane in a tmux session of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rouser import Diagnosis, DiscoveredRuntime, HookError, PluginSpec, RuntimeSpec, Session, hookimpl
from rouser_tmux.client import Server
from rouser_tmux.handle import Handle
from rouser_tmux.liveness import discover, is_alive, list_alive
from rouser_tmux.panes import find_one


class TmuxRuntime(RuntimeSpec, PluginSpec):
    """Runs agents in tmux; see the README for what is promised and how.

    A runtime is known by the marks on its pane, never by a tmux name. An error of tmux, or silence, is an
    error here, never an answer. What only some commands need is imported by the hooks that need it.
    """

    def __init__(self) -> None:
        self._server = Server()

    @hookimpl
    def plugin_configure(self, settings: Mapping[str, Any]) -> None:
        """Take ``socket``: empty for the user's default server, a name (``tmux -L``) or a path (``tmux -S``)."""
        unknown = sorted(settings.keys() - {"socket"})
        if unknown:
            raise HookError(f"unknown setting {unknown[0]!r} of tmux; allowed is: socket")
        self._server = _server_at(settings.get("socket", ""))

    @hookimpl
    def plugin_scratch_settings(self, directory: Path) -> Mapping[str, Any]:
        """Use a server of its own, whose socket is in ``directory``."""
        return {"socket": str(directory / "tmux.sock")}

    @hookimpl
    def plugin_available(self) -> str | None:
        """Return that there is no tmux, if there is none."""
        import shutil  # 4 ms

        return None if shutil.which("tmux") else "tmux is not installed, or not on PATH"

    @hookimpl
    def plugin_diagnose(self) -> Sequence[Diagnosis]:
        """Look at tmux, its version, the server and the directory of launch files."""
        from rouser_tmux.diagnosis import diagnose

        return list(diagnose(self._server))

    @hookimpl
    def runtime_creating(self, session: Session) -> None:  # noqa: ARG002 - all are created alike
        """Start the server if there is none, and the client that is to create the tmux session in it."""
        from rouser_tmux.prepared import prepare

        prepare(self._server)

    @hookimpl
    def runtime_create(
        self, session: Session, name: str, cwd: Path, command: Sequence[str], env: Mapping[str, str]
    ) -> str:
        """Start the agent in a new tmux session called ``name``."""
        from rouser_tmux.creation import create

        return str(create(self._server, session, name=name, cwd=cwd, command=command, env=env))

    @hookimpl
    def runtime_is_alive(self, handle: str) -> bool:
        """Return whether the agent's own process runs in its pane."""
        return is_alive(Handle.parse(handle))

    @hookimpl
    def runtime_list_alive(self, handles: Sequence[str]) -> Mapping[str, bool]:
        """Answer for many, with one question to each server."""
        return list_alive(handles)

    @hookimpl
    def runtime_send_message(self, handle: str, message: str) -> None:
        """Paste the message into the agent's pane, and submit it."""
        from rouser_tmux.messages import send

        send(Handle.parse(handle), message)

    @hookimpl
    def runtime_submit(self, handle: str) -> None:
        """Submit what stands typed in the agent's pane."""
        from rouser_tmux.messages import submit

        submit(Handle.parse(handle))

    @hookimpl
    def runtime_destroy(self, handle: str) -> None:
        """End the tmux session and the agent's processes."""
        from rouser_tmux.destruction import destroy

        destroy(Handle.parse(handle))

    @hookimpl
    def runtime_get_output(self, handle: str, lines: int) -> str:
        """Return the last lines of the agent's pane, also after the agent has ended."""
        parsed = Handle.parse(handle)
        pane = find_one(parsed)
        from rouser_tmux.adoption import require_agent
        from rouser_tmux.screen import last_lines

        require_agent(pane, parsed)
        return last_lines(pane, lines)

    @hookimpl
    def runtime_attach_command(self, handle: str) -> Sequence[str]:
        """Return the argv that attaches to the agent's pane, or switches to it from inside the same tmux."""
        from rouser_tmux.screen import attach_command

        return attach_command(find_one(Handle.parse(handle)), os.environ)

    @hookimpl
    def runtime_discover(self) -> Sequence[DiscoveredRuntime]:
        """Return the runtimes on the configured server whose agents run."""
        return discover(self._server)

    @hookimpl
    def runtime_adopt(self, session: Session, pid: int) -> str | None:
        """Mark the pane that the process runs in, whichever server it is on; change nothing else."""
        from rouser_tmux.adoption import adopt

        handle = adopt(self._server, session, pid)
        return None if handle is None else str(handle)


def _server_at(socket: object) -> Server:
    if not isinstance(socket, str) or any(char < " " or char == "\x7f" for char in socket):
        raise HookError(f"the setting socket of tmux is {socket!r}; allowed are a name, a path, or nothing")
    if "/" in socket:
        return Server(("-S", str(Path(socket).expanduser().absolute())))
    return Server(("-L", socket)) if socket else Server()
