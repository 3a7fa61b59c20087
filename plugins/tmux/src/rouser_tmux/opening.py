"""Open a tmux session for an agent, and mark its pane as the agent's: that pane, whatever hooks of the user's do."""

import contextlib
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from rouser import HookError, Together, time_left
from rouser_tmux import inherited, prepared
from rouser_tmux.client import NoServerError, Server, ServerExitingError, TmuxError, script_of
from rouser_tmux.destruction import kill
from rouser_tmux.handle import is_pid, is_token
from rouser_tmux.panes import HOME, NAME, PID, RUNTIME, SESSION, list_panes

CLEANUP_SHARE: Final = 0.2
"""The part of the time that is left which is kept back to undo what did not succeed."""

_FORMAT: Final = "#{pane_pid} #{pid} #{session_id} #{pane_id} #{socket_path}"
_MARKED: Final = "marked"
_MOST_TOGETHER: Final = 16  # a server does nothing else meanwhile, 3 ms for each


class NameTakenError(HookError):
    """The server has a session of this name already."""


class Opened(NamedTuple):
    """What ``new-session`` tells of a tmux session that it made.

    :ivar token: the runtime that it was made for.
    :ivar pid: pid of the process in its pane.
    :ivar server_pid: pid of the server.
    :ivar session: tmux's id of the session.
    :ivar pane: tmux's id of the pane.
    :ivar socket: path of the server's socket.
    """

    token: str
    pid: int
    server_pid: int
    session: str
    pane: str
    socket: str

    @classmethod
    def parse(cls, line: str) -> "Opened | None":
        """Return what a line says that ``new-session`` printed; None: it is none of these lines."""
        token, *rest = line.split(" ", 5)
        if len(rest) != len(cls._fields) - 1 or not is_token(token):
            return None
        pid, server_pid, session, pane, socket = rest
        ids = session[:1] == "$" and session[1:].isdecimal() and pane[:1] == "%" and pane[1:].isdecimal()
        is_sound = is_pid(pid) and is_pid(server_pid) and ids and socket and "\n" not in socket
        return cls(token, int(pid), int(server_pid), session, pane, socket) if is_sound else None


class Wanted(NamedTuple):
    """A tmux session to be opened.

    :ivar token: the runtime that it is for.
    :ivar session_id: id of the rouser session.
    :ivar name: its name.
    :ivar cwd: where its pane's process starts.
    :ivar command: what that runs; the token is part of it.
    """

    token: str
    session_id: str
    name: str
    cwd: Path
    command: Sequence[str]


def open_session(
    server: Server, token: str, session_id: str, *, name: str, cwd: Path, command: Sequence[str]
) -> Opened:
    """Open a session whose only pane runs ``command``, and mark the pane; see :class:`Wanted` for the parameters.

    :raises NameTakenError: there is a session of this name.
    :raises NoServerError: there is no server, and none was started.
    :raises ServerExitingError: the server exited meanwhile.
    :raises HookError: the session was not opened; nothing of it is left.
    """
    wanted = Wanted(token, session_id, name, cwd, command)
    try:
        printed, is_marked = _openings(server).ask(wanted)
    except TimeoutError as error:
        raise HookError(f"the {server} is busy with others: {error}; try again") from None
    except (ServerExitingError, NoServerError):
        raise
    except TmuxError as error:
        if error.reason == f"duplicate session: {name}":
            raise NameTakenError(error.reason) from None
        _close(server, token)
        raise
    opened = Opened.parse(printed)
    if opened is None:
        raise HookError(f"tmux answered {printed[:80]!r} to new-session; is another program called tmux?")
    if not is_marked:
        _mark_by_id(server, wanted, opened)
    return opened


@functools.cache
def _openings(server: Server) -> Together[Wanted, tuple[str, bool]]:
    """Return what makes one client of the sessions that are wanted at the same time."""
    return Together(functools.partial(open_together, server), most=_MOST_TOGETHER)


def open_together(server: Server, wanted: Sequence[Wanted]) -> list[tuple[str, bool] | BaseException]:
    """Return for each what ``new-session`` printed and whether its pane is marked, or what went wrong with it."""
    seconds = time_left() * (1 - CLEANUP_SHARE)
    client = prepared.take(server)
    if client is None and len(wanted) == 1:
        return [_open_one(server, wanted[0], seconds)]
    lines: list[Sequence[Sequence[str]]] = [_commands(one) for one in wanted]
    asks = inherited.known(server) is None
    if asks:
        lines.append([inherited.ASK])
    printed, errors = server.script(lines, seconds, client=client or server.begin())
    said: dict[str, list[str]] = {one.token: [] for one in wanted}
    others: list[str] = []
    for line in printed.split("\n"):
        said.get(line.partition(" ")[0], others).append(line)
    if not any(said.values()) and not errors:  # from a client whose server is told to exit while it waits
        raise ServerExitingError(f"the {server} exited while it was being asked; try again")
    if asks and (opened := next(filter(None, (Opened.parse(told[0]) for told in said.values() if told)), None)):
        inherited.learn(server, opened.socket, str(opened.server_pid), "\n".join(others))
    return [_outcome(server, one, said[one.token], errors) for one in wanted]


def _open_one(server: Server, wanted: Wanted, seconds: float) -> tuple[str, bool]:
    asked = [] if inherited.known(server) else [inherited.ASK]
    try:
        printed = server.run(*_commands(wanted), *asked, timeout=seconds)
    except TmuxError as error:
        if error.printed.startswith(f"{wanted.token} "):  # it was made, and could not be marked
            return error.printed.partition("\n")[0], False
        raise
    line, _, rest = printed.partition("\n")
    first, _, others = rest.partition("\n")
    is_marked = first == _told(wanted.token)
    if asked and (opened := Opened.parse(line)):
        inherited.learn(server, opened.socket, str(opened.server_pid), others if is_marked else rest)
    return line, is_marked


def _outcome(server: Server, wanted: Wanted, said: list[str], errors: str) -> tuple[str, bool] | BaseException:
    if said:
        return said[0], said[1:] == [_told(wanted.token)]
    duplicate = f"duplicate session: {wanted.name}"
    if duplicate in errors.splitlines():
        return TmuxError(f"the {server} refused: {duplicate}", duplicate)
    reason = " ".join(errors.split()) or "no reason given"
    return TmuxError(f"the {server} refused to create {wanted.name}: {reason}", reason)


def _commands(wanted: Wanted) -> list[list[str]]:
    """Return one chain, which tmux runs without looking at its panes in between.

    So not even an agent that exits at once is gone before its pane is marked and told to remain. But hooks of the
    user's run in between, and may have split the window, which makes the new pane the active one; have put another
    pane or window before it; or have renamed the session. So only a pane that runs our command is marked.
    """
    create_it = [
        "new-session",
        *("-d", "-P", "-F", f"{wanted.token} {_FORMAT}"),
        *("-s", wanted.name, "-c", str(wanted.cwd).replace("#", "##")),
        *wanted.command,
    ]
    session, pane = f"={wanted.name}:", f"={wanted.name}:^.{{top-left}}"
    mark_it = [*_marks(wanted, session, pane), ["display-message", "-p", "-t", pane, _told(wanted.token)]]
    is_ours = f"#{{m:*{wanted.token}*,#{{pane_start_command}}}}"
    return [create_it, ["if-shell", "-F", "-t", pane, is_ours, script_of(mark_it)]]


def _marks(wanted: Wanted, session: str, pane: str) -> list[list[str]]:
    marks = {RUNTIME: wanted.token, SESSION: wanted.session_id, NAME: wanted.name, "remain-on-exit": "on"}
    return [
        ["set-option", "-t", session, HOME, wanted.token],
        ["set-option", "-t", session, "destroy-unattached", "off"],
        *(["set-option", "-p", "-t", pane, option, value] for option, value in marks.items()),
        ["set-option", "-p", "-F", "-t", pane, PID, "#{pane_pid}"],
    ]


def _mark_by_id(server: Server, wanted: Wanted, opened: Opened) -> None:
    """Mark the pane where hooks have left it; or else end it, as nobody would find it again."""
    try:
        server.run(*_marks(wanted, opened.session, opened.pane), timeout=time_left() * (1 - CLEANUP_SHARE))
    except (ServerExitingError, NoServerError):
        raise
    except HookError as error:
        with contextlib.suppress(HookError):
            server.run(["kill-pane", "-t", opened.pane], timeout=time_left() / 2)
        _close(server, wanted.token)
        message = f"the pane of {wanted.name} could not be marked: {error}; do hooks in tmux.conf remove it?"
        raise HookError(message) from None


def _close(server: Server, token: str) -> None:
    with contextlib.suppress(HookError):
        kill(server, token, list_panes(server, f"#{{==:#{{{HOME}}},{token}}}", time_left() / 2))


def _told(token: str) -> str:
    return f"{token} {_MARKED}"
