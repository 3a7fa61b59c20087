"""Clients that start a server and wait for what is to be created in it, while the host writes down that it will be.

For a server to come up takes longer than all that the host does meanwhile. One that runs needs no client that waits:
should somebody end it just then, it might take what the client has to say, and nothing more from anybody.
"""

from __future__ import annotations

from typing import Final

from rouser import RunningProgram
from rouser_tmux.client import Server

_waiting: Final[dict[Server, RunningProgram]] = {}  # one is enough for many creations at a time


def prepare(server: Server) -> None:
    """Start a server that is not there, and a client that waits, unless one does.

    :raises HookError: tmux cannot be run.
    """
    if server not in _waiting and server.is_absent:
        client = server.begin()
        if _waiting.setdefault(server, client) is not client:
            client.end()


def take(server: Server) -> RunningProgram | None:
    """Return the client that waits, to be used up; None if there is none."""
    return _waiting.pop(server, None)


def dismiss(server: Server) -> None:
    """End the client that waits, as nothing comes; a server in which there is nothing ends with it."""
    client = take(server)
    if client is not None:
        client.end()
