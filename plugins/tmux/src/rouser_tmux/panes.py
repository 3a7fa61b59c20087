"""Find panes by the marks that rouser puts on them, wherever people renamed or moved them to."""

import functools
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from rouser import HookError, Together
from rouser_tmux import processes
from rouser_tmux.client import NoServerError, Server, ServerExitingError, TmuxError, socket_exists
from rouser_tmux.handle import Handle
from rouser_tmux.processes import Process

# User options of tmux. The first is also how a pane is looked up; HOME marks a session, the others a pane.
RUNTIME: Final = "@rouser_runtime"
SESSION: Final = "@rouser_session"
NAME: Final = "@rouser_name"
PID: Final = "@rouser_pid"
ADOPTED: Final = "@rouser_adopted"
HOME: Final = "@rouser_home"
MARKS: Final = (RUNTIME, SESSION, NAME, PID, ADOPTED)
"""What is set on the pane of a runtime."""

_FIELDS: Final = (
    RUNTIME,
    HOME,
    SESSION,
    NAME,
    PID,
    ADOPTED,
    "pane_pid",
    "pane_dead",
    "pane_input_off",
    "history_size",
    "session_id",
    "window_id",
    "pane_id",
    "pid",
    "socket_path",  # last, as it may hold spaces
)
# What a listing of many asks for: of a hundred panes, all of the above takes a third longer than this.
_HELD_FIELDS: Final = (RUNTIME, HOME, PID, ADOPTED, "pane_pid", "pane_dead")
_Stamp = tuple[int, int, int]
_NO_SESSIONS: Final = "no current target"  # what a server says that was told to live on without any
_gone: Final[set[str]] = set()  # tokens of runtimes that have no panes any more
_fresh: Final[dict[str, _Stamp | None]] = {}  # tokens of runtimes that this process created, and their sockets then
_FORMAT: Final = " ".join(f"#{{{field}}}" for field in _FIELDS)
_HELD_FORMAT: Final = " ".join(f"#{{{field}}}" for field in _HELD_FIELDS)


class Pane(NamedTuple):
    """A pane as one of the tmux sessions shows it; a window that is linked twice is shown twice.

    :ivar token: the runtime that the pane is.
    :ivar home: the runtime that the tmux session around it was created for.
    :ivar rouser_session: id of the rouser session.
    :ivar name: the name that the runtime was created under.
    :ivar agent_pid: pid of the process that it was created with, or that it was adopted for.
    :ivar adopted: when that process started, if the pane is the user's own and was adopted; else empty.
    :ivar pid: pid of the process that runs in it, or ran until it ended.
    :ivar dead: whether that process has ended.
    :ivar input_off: whether tmux takes no input for it.
    :ivar history: how many lines have scrolled off its screen.
    :ivar session: tmux's id of the session.
    :ivar window: tmux's id of the window.
    :ivar id: tmux's id of the pane, never used again while the server lives.
    :ivar server_pid: pid of the tmux server.
    :ivar socket: path of the server's socket.
    """

    token: str
    home: str
    rouser_session: str
    name: str
    agent_pid: str
    adopted: str
    pid: int
    dead: bool
    input_off: bool
    history: int
    session: str
    window: str
    id: str
    server_pid: int
    socket: str

    @property
    def is_home(self) -> bool:
        """Whether it is an agent's pane in the tmux session that was created for it."""
        return self.token != "" and self.token == self.home

    @property
    def holds_agent(self) -> bool:
        """Whether the process that it was created with has not ended, as far as tmux knows.

        Of an agent in a pane that was adopted, tmux knows nothing: it may run below a shell.
        """
        return _holds_agent(self.agent_pid, self.adopted, str(self.pid), dead=self.dead)

    @property
    def target(self) -> str:
        """The exact target of the pane, within its window and session."""
        return f"{self.session}:{self.window}.{self.id}"

    def handle(self) -> Handle:
        """Return the handle that was made when the runtime was created or adopted."""
        agent = Process(int(self.agent_pid), self.adopted) if self.adopted else Process.identify(self.pid)
        server = Process.identify(self.server_pid)
        return Handle(self.token, self.rouser_session, self.name, server, agent, self.socket)


def list_panes(
    server: Server, condition: str, timeout: float | None = None, meanwhile: Callable[[], object] | None = None
) -> list[Pane]:
    """Return the panes that satisfy a tmux format, those in their own tmux session first.

    :param meanwhile: called while tmux is asked.
    :raises NoServerError: there is no server.
    :raises HookError: the server does not answer, or answers nonsense.
    """
    lines = _list(server, ["-f", condition, "-F", _FORMAT], timeout, meanwhile)
    return sorted((_parse(server, line) for line in lines), key=lambda pane: not pane.is_home)


def agents_in_panes(server: Server, timeout: float | None = None) -> dict[str, set[str]]:
    """Return which runtimes have panes on a server, and the pids of the agents that these hold, as far as tmux knows.

    :raises NoServerError: there is no server.
    :raises HookError: the server does not answer, or answers nonsense.
    """
    found: dict[str, set[str]] = {}
    for line in _list(server, ["-F", _HELD_FORMAT], timeout):
        try:
            token, home, agent, adopted, pid, dead = line.split(" ")
        except ValueError:
            raise _unexpected(line) from None
        if token and _holds_agent(agent, adopted, pid, dead=dead == "1"):
            found.setdefault(token, set()).add(agent)
        found.setdefault(token, set())
        found.setdefault(home, set())
    return found


def _list(
    server: Server, options: Sequence[str], timeout: float | None, meanwhile: Callable[[], object] | None = None
) -> list[str]:
    try:
        text = server.ask("list-panes", "-a", *options, timeout=timeout, meanwhile=meanwhile)
    except TmuxError as error:
        if error.reason == _NO_SESSIONS:
            return []
        raise
    return [line for line in text.split("\n") if line]


def _holds_agent(agent: str, adopted: str, pid: str, *, dead: bool) -> bool:
    return not dead and (adopted != "" or agent == pid)


def marked_panes(server: Server, timeout: float | None = None) -> list[Pane]:
    """Return the panes of all runtimes, and all panes in their tmux sessions; raises like ``list_panes``."""
    return list_panes(server, f"#{{||:#{{{RUNTIME}}},#{{{HOME}}}}}", timeout)


def find(handle: Handle) -> list[Pane]:
    """Return the runtime's pane, once for each session that shows it, or nothing.

    :raises HookError: the server does not answer, or answers nonsense.
    """
    panes = _at_home(handle) or find_with_company(handle)
    return [pane for pane in panes if pane.token == handle.token]


def find_with_company(handle: Handle) -> list[Pane]:
    """Return the runtime's pane, and all panes in the tmux session that was created for it; else like ``find``."""
    if handle.token in _gone:
        return []
    if not socket_exists(handle.socket):
        remember_gone(handle, answered=False)
        return []
    try:
        ours = f"#{{==:#{{{RUNTIME}}},{handle.token}}}"
        home = f"#{{==:#{{{HOME}}},{handle.token}}}"
        panes = list_panes(handle.tmux, f"#{{||:{ours},{home}}}", meanwhile=lambda: _prepare(handle))
    except NoServerError:
        remember_gone(handle, answered=False)
        return []
    if not panes:
        remember_gone(handle, answered=True)
    return panes


def _prepare(handle: Handle) -> None:
    """Do what takes a restore some time if the runtime is gone, while tmux takes as long to say so; never raises.

    What goes wrong here says nothing of what tmux is asked, and goes wrong again where it matters.
    """
    with suppress(Exception):
        from rouser_tmux import creation  # noqa: F401 - which imports all that a restore needs
        from rouser_tmux.census import left_nothing

        left_nothing(handle.agent, handle.token)  # of an agent that has ended; what is there is remembered


def remember_gone(handle: Handle, *, answered: bool) -> None:
    """Remember that a runtime has no panes, so that nobody is asked again: what is gone does not come back.

    :param answered: whether its server said so. Otherwise it may run, out of reach, and be reached again.
    """
    if answered or (processes.are_visible() and not handle.server.runs()):
        _gone.add(handle.token)


def expect_at_home(handle: Handle) -> None:
    """Remember that a runtime was just created, so that it is looked for first where it was made."""
    _fresh[handle.token] = _stamp(handle.socket)


def is_in_its_terminal(handle: Handle) -> bool:
    """Return whether a runtime that this process created is seen to live, without asking its server.

    Its agent runs in the terminal that it was started in, of which only the server holds the other end, as long as
    there is the pane; and the server is neither stopped nor out of reach. A False says nothing.
    """
    stamp = _fresh.get(handle.token)
    return (
        stamp is not None
        and stamp == _stamp(handle.socket)
        and handle.agent.holds_terminal(handle.server)
        and handle.server.answers()
    )


def _stamp(socket: str) -> _Stamp | None:
    """Return what changes when a socket is replaced, or who may use it."""
    try:
        status = os.stat(socket)  # noqa: PTH116 - as in socket_exists()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_ctime_ns


def _at_home(handle: Handle) -> list[Pane]:
    """Return the panes of a runtime that was just created, unless they are elsewhere by now.

    A look into one tmux session costs the same however many there are, and looks that are wanted at the same
    time take one client.
    """
    if handle.token not in _fresh or handle.token in _gone or not socket_exists(handle.socket):
        return []
    # None there, or others are answered for too long, or the server ends: ask for this one alone, which settles it.
    with suppress(TimeoutError, NoServerError, ServerExitingError):
        return _looks(handle.tmux).ask(handle)
    return []


@functools.cache
def _looks(server: Server) -> Together[Handle, list[Pane]]:
    return Together(functools.partial(_look, server))


def _look(server: Server, handles: Sequence[Handle]) -> list[list[Pane]]:
    lines = [[["list-panes", "-s", "-t", f"={handle.name}:", "-F", _FORMAT]] for handle in handles]
    printed, _ = server.script(lines)
    panes = [_parse(server, line) for line in printed.split("\n") if line]
    return [[pane for pane in panes if handle.token in {pane.token, pane.home}] for handle in handles]


def find_one(handle: Handle) -> Pane:
    """Return the runtime's pane.

    :raises HookError: there is none, or the server does not answer.
    """
    for pane in find(handle):
        return pane
    raise HookError(f"there is no tmux session {handle.name} of {handle.session_id[:8]} any more; restore it first")


def _parse(server: Server, line: str) -> Pane:
    try:
        token, home, session, name, agent, adopted, pid, dead, off, history, *ids, owner, socket = line.split(" ", 14)
        return Pane(
            token,
            home,
            session,
            name,
            agent,
            adopted,
            int(pid),
            dead == "1",
            off == "1",
            int(history or 0),
            ids[0],
            ids[1],
            ids[2],
            int(owner),
            server.socket(socket),
        )
    except (ValueError, IndexError):
        raise _unexpected(line) from None


def _unexpected(line: str) -> HookError:
    return HookError(f"tmux answered something unexpected: {line!r}")
