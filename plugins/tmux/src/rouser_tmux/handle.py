"""The handle of a runtime: what is needed to find it again, and to tell that it is gone."""

from typing import Final, NamedTuple

from rouser import HookError
from rouser_tmux.client import Server
from rouser_tmux.processes import Process

# Taken apart by hand, here and elsewhere: to compile the patterns takes longer than all else that is done with handles.
_DIGITS: Final = "0123456789"
_HEXADECIMAL: Final = f"{_DIGITS}abcdef"
_IN_NAMES: Final = f"{_DIGITS}abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-"
_TOKEN_LENGTH: Final = 16
_LONGEST_PID: Final = 10


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
        try:
            kind, version, token, session_id, name, server, agent, socket = text.split(":", 7)
            handle = cls(token, session_id, name, _process(server), _process(agent), socket)
        except ValueError:
            raise HookError(f"{text!r} is not a handle of the tmux runtime") from None
        is_one = (
            (kind, version) == ("tmux", "v1")
            and is_token(token)
            and session_id.split() == [session_id]
            and _is_made_of(name, _IN_NAMES)
            and socket.startswith("/")
            and "\n" not in socket
        )
        if not is_one:
            raise HookError(f"{text!r} is not a handle of the tmux runtime")
        return handle

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


def is_token(text: str) -> bool:
    """Return whether a text may be the token of a runtime."""
    return len(text) == _TOKEN_LENGTH and _is_made_of(text, _HEXADECIMAL)


def is_pid(text: str) -> bool:
    """Return whether a text may be the pid of a process."""
    return len(text) <= _LONGEST_PID and _is_made_of(text, _DIGITS)


def _is_made_of(text: str, characters: str) -> bool:
    return text != "" and not text.strip(characters)


def _process(text: str) -> Process:
    pid, at, start = text.partition("@")
    if not at or not is_pid(pid) or start.strip(f"{_HEXADECIMAL}."):
        raise ValueError(text)
    return Process(int(pid), start)
