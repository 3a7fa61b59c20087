"""End a runtime: its pane, the tmux session that was created for it, and its processes."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from contextlib import suppress

from rouser import HookError
from rouser_tmux import launch
from rouser_tmux.census import left_nothing
from rouser_tmux.client import NoServerError, Server, ServerExitingError, TmuxError
from rouser_tmux.handle import Handle
from rouser_tmux.panes import MARKS, Pane, find_with_company
from rouser_tmux.processes import Family, Process


def destroy(handle: Handle) -> None:
    """End what is left of a runtime, and return when it is gone.

    The processes are ended even when their tmux server is gone or cannot be reached any more, which they may
    survive by ignoring the hangup.

    A pane that was adopted is the user's: it stays, with all that is in it but the agent.

    :raises HookError: something of it is still there, or that is not known.
    """
    panes = find_with_company(handle)
    if not panes and left_nothing(handle.agent, handle.token):
        return
    launch.sweep()
    if any(pane.adopted for pane in panes if pane.token == handle.token):
        release(handle, panes)
        return
    own = [pane for pane in panes if pane.token == handle.token]
    leaders = {handle.agent, *(Process.identify(pane.pid) for pane in own if not pane.dead)}
    family = Family(leaders, handle.mark, handle.token, {handle.agent})  # one that was adopted need not lead a session
    family.living()  # remembers those that will be nobody's children once their parents have ended
    if panes:
        kill(handle.tmux, handle.token, panes)
    _end(family, handle)
    if panes and any(pane.token == handle.token for pane in find_with_company(handle)):
        raise HookError(f"tmux did not remove the pane of {handle.name}; try again")


def release(handle: Handle, panes: Sequence[Pane]) -> None:
    """End the agent in a pane of the user's and what the agent started, and take the marks off the pane.

    :raises HookError: a process survived, or the server does not answer.
    """
    family = Family((), handle.mark, handle.token, {handle.agent})
    family.living()
    handle.agent.send(signal.SIGHUP)  # what it would get if its terminal were closed
    _end(family, handle)
    for pane in sorted({pane.id for pane in panes if pane.token == handle.token}):
        commands = [["set-option", "-p", "-u", "-t", pane, mark] for mark in MARKS]
        with suppress(NoServerError, ServerExitingError):  # the pane may end with the agent, and all with it
            _unless_gone(handle.tmux, *commands)


def _end(family: Family, handle: Handle) -> None:
    survivors = family.end()
    if survivors:
        pids = " ".join(str(process.pid) for process in survivors)
        raise HookError(f"processes of {handle.name} survived even being killed: {pids}; see ps -o pid,stat,args")


def _unless_gone(server: Server, *commands: Sequence[str]) -> None:
    """Run commands on what may be gone by now, which is then no failure."""
    try:
        server.run(*commands)
    except (NoServerError, ServerExitingError):
        raise
    except TmuxError as error:
        if not error.reason:
            raise


def kill(server: Server, token: str, panes: Sequence[Pane]) -> None:
    """Remove the tmux session that was created for a runtime, and from other sessions only the runtime's pane."""
    sessions = sorted({pane.session for pane in panes if pane.home == token})
    others = sorted({pane.id for pane in panes if pane.home != token and pane.token == token})
    commands = [["kill-session", "-t", session] for session in sessions]
    commands += [["kill-pane", "-t", pane] for pane in others]
    for command in commands:  # one by one: each may find that what it should end has just ended
        try:
            _unless_gone(server, command)
        except NoServerError:
            return
