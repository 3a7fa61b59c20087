"""The handle of a runtime: what is needed to find it again, and to tell that it is gone."""

import re
from typing import Final, NamedTuple

from rouser import HookError
from rouser_tmux.client import Server
from rouser_tmux.processes import Process

_PATTERN: Final = re.compile(
    r"tmux:v1:(?P<token>[0-9a-f]{16}):(?P<session_id>[^:\s]+):(?P<name>[A-Za-z0-9_-]+)"
    r":(?P<server>\d{1,10})@(?P<server_start>[0-9a-f.]*):(?P<agent>\d{1,10})@(?P<agent_start>[0-9a-f.]*):(?P<socket>/.*)"
)


class Handle(NamedTuple):
    """One runtime that was created, alive or not.

    :ivar token: drawn at random for this very runtime; its pane in tmux carries it.
    :ivar session_id: id of the session that it was created for.
    :ivar name: the name that its tmux session got; people may have renamed it.
    :ivar server: the process of the tmux server.
    :ivar agent: the pane's own process, which became the agent.
    :ivar socket: absolute path of the tmux server's socket.
    """

    token: str
    session_id: str
    name: str
    server: Process
    agent: Process
    socket: str

    @classmethod
    def parse(cls, text: str) -> "Handle":
        """Return the handle that ``str`` turned into ``text``.

        :raises HookError: no handle turns into that.
        """
        match = _PATTERN.fullmatch(text)
        if not match:
            raise HookError(f"{text!r} is not a handle of the tmux runtime")
        return cls(
            token=match["token"],
            session_id=match["session_id"],
            name=match["name"],
            server=Process(int(match["server"]), match["server_start"]),
            agent=Process(int(match["agent"]), match["agent_start"]),
            socket=match["socket"],
        )

    def __str__(self) -> str:
        processes = ":".join(f"{process.pid}@{process.start}" for process in (self.server, self.agent))
        return f"tmux:v1:{self.token}:{self.session_id}:{self.name}:{processes}:{self.socket}"

    @property
    def tmux(self) -> Server:
        """The server that holds the runtime, whatever the settings say today."""
        return Server(("-S", self.socket))

    @property
    def mark(self) -> str:
        """How the variable ``TMUX`` begins in the processes of this server."""
        return f"{self.socket},{self.server.pid},"
