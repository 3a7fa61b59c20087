"""Create the tmux session of an agent, and make sure that the agent was started in it."""

import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rouser import RUNTIME_VARIABLE, HookError, Session, is_valid_name, time_left
from rouser_tmux import inherited, launch, prepared, processes
from rouser_tmux.client import NoServerError, Server, ServerExitingError
from rouser_tmux.destruction import destroy, kill
from rouser_tmux.handle import Handle
from rouser_tmux.opening import CLEANUP_SHARE, NameTakenError, open_session
from rouser_tmux.panes import Pane, expect_at_home, find, list_panes
from rouser_tmux.processes import Process
from rouser_tmux.screen import last_lines

_START_SECONDS: Final = 5.0
_EXIT_SECONDS: Final = 0.5
_FIRST_PAUSE: Final = 0.0003  # the shell is mostly done by then
_LONGEST_PAUSE: Final = 0.02
_RETRY_SECONDS: Final = 0.01
_EXITING_SECONDS: Final = 4.0  # for how long a server may take to exit, once it was told to


def create(
    server: Server, session: Session, *, name: str, cwd: Path, command: Sequence[str], env: Mapping[str, str]
) -> Handle:
    """Start ``command`` as the own process of the only pane of a new tmux session.

    :raises HookError: it was not started; nothing of it is left behind.
    """
    if not is_valid_name(name):
        raise HookError(f"{name!r} cannot name a tmux session: use letters, digits, _ and -, at most 64")
    try:
        launch.check(cwd, command, env)
    except HookError:
        prepared.dismiss(server)
        raise
    launch.sweep_at_times()
    give_up = time.monotonic() + min(time_left() / 2, _EXITING_SECONDS)
    while True:
        try:
            return _attempt(server, session, name=name, cwd=cwd, command=command, env=env)
        except (ServerExitingError, NoServerError) as error:
            if time.monotonic() > give_up:
                raise HookError(f"the {server} does not come up: {error}") from error
            time.sleep(_RETRY_SECONDS)


def _attempt(
    server: Server, session: Session, *, name: str, cwd: Path, command: Sequence[str], env: Mapping[str, str]
) -> Handle:
    """Do what ``create`` promises, unless the server exits just then."""
    token = os.urandom(8).hex()
    path = launch.write(token, cwd, command, {**env, RUNTIME_VARIABLE: token}, inherited.known(server))
    try:
        handle = _new_session(server, token, session, name=name, cwd=cwd, path=path)
        try:
            _wait_for_start(handle, path, command[0])
        except BaseException:
            with contextlib.suppress(HookError):
                destroy(handle)
            raise
    finally:
        with contextlib.suppress(OSError):
            path.unlink()  # a server that hangs may run the command later; then it finds no agent
    expect_at_home(handle)
    return handle


def _new_session(server: Server, token: str, session: Session, *, name: str, cwd: Path, path: Path) -> Handle:
    try:
        created = open_session(server, token, session.id, name=name, cwd=cwd, command=launch.argv(path))
    except NameTakenError:
        if _removed_remains(server, session, name):
            return _new_session(server, token, session, name=name, cwd=cwd, path=path)
        raise HookError(_taken(server, name)) from None
    server_process, agent = (Process.identify(pid) for pid in (created.server_pid, created.pid))
    return Handle(token, session.id, name, server_process, agent, server.socket(created.socket))


def _removed_remains(server: Server, session: Session, name: str) -> bool:
    """Remove a tmux session of this name in which an agent of the same rouser session never came up, or has ended.

    A server that was stopped while it was asked for a session makes it when it goes on: after the command that
    asked has given up and told the host that nothing was created.
    """
    panes = list_panes(server, f"#{{==:#{{session_name}},{name}}}")
    tokens = {pane.token for pane in panes}
    ours = all(pane.is_home and pane.dead and pane.rouser_session == session.id for pane in panes)
    if not ours or len(tokens) != 1:
        return False
    kill(server, tokens.pop(), panes)
    return True


def _taken(server: Server, name: str) -> str:
    """Return why ``name`` is not to be had, and what to do about it."""
    owner: list[Pane] = []
    with contextlib.suppress(HookError):
        owner = [pane for pane in list_panes(server, f"#{{==:#{{session_name}},{name}}}") if pane.is_home]
    program = ("tmux", *server.flags)
    command = " ".join((*program, "kill-session", "-t", f"={name}"))
    what, remedy = "not one of rouser's", f"rename it, or end it with {command}"
    if owner:
        what = f"left by rouser session {owner[0].rouser_session[:8]}"
    if any(not pane.dead for pane in owner):
        what = f"in which the agent of rouser session {owner[0].rouser_session[:8]} runs"
        remedy = f"rename it with {' '.join((*program, 'rename-session', '-t', f'={name}', 'NEW-NAME'))}"
    return f"the {server} has a session {name} already, {what}: {remedy}"


def _wait_for_start(handle: Handle, path: Path, program: str) -> None:
    """Return when the pane's process has become the agent.

    :raises HookError: it has not, and why.
    """
    give_up = time.monotonic() + min(_START_SECONDS, time_left() * (1 - CLEANUP_SHARE))
    pause = _FIRST_PAUSE
    while launch.is_pending(path, handle.agent.pid):
        if processes.are_visible() and not handle.agent.runs():
            break
        if time.monotonic() > give_up:
            raise HookError(f"the shell in the new tmux session {handle.name} did not start the agent in time")
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
    processes.wait_until_named(handle.agent, _EXIT_SECONDS)
    if launch.has_failed(path):
        words = _last_words(handle, path)
        is_whole = words and not words.endswith(":")
        raise HookError(f"the agent was not started: {words if is_whole else launch.why_failed(path, program)}")


def _last_words(handle: Handle, path: Path) -> str:
    """Return what the shell printed before it ended, or what tmux has seen of it.

    It should show all of it once the pane is dead, but one time in some hundred on a busy machine, the end is lost.
    """
    give_up = time.monotonic() + _EXIT_SECONDS
    panes = find(handle)
    while panes and not panes[0].dead and time.monotonic() < give_up:
        time.sleep(_RETRY_SECONDS)
        panes = find(handle)
    if not panes:
        return "its tmux session vanished; do hooks in tmux.conf remove it?"
    return " ".join(last_lines(panes[0], 3).replace(str(path), "sh").split())
