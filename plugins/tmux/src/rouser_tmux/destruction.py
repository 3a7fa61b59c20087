"""End a runtime: its pane, the tmux session that was created for it, and its processes."""

from __future__ import annotations

from collections.abc import Sequence

from rouser import HookError
from rouser_tmux.client import NoServerError, Server, TmuxError
from rouser_tmux.handle import Handle
from rouser_tmux.panes import Pane, find_with_company
from rouser_tmux.processes import Family, Process


def destroy(handle: Handle) -> None:
    """End what is left of a runtime, and return when it is gone.

    The processes are ended even when their tmux server is gone or cannot be reached any more, which they may
    survive by ignoring the hangup.

    :raises HookError: something of it is still there, or that is not known.
    """
    panes = find_with_company(handle)
    own = [pane for pane in panes if pane.token == handle.token]
    family = Family({handle.agent, *(Process.identify(pane.pid) for pane in own if not pane.dead)}, handle.mark)
    family.living()  # remembers those that will be nobody's children once their parents have ended
    if panes:
        kill(handle.tmux, handle.token, panes)
    survivors = family.end()
    if survivors:
        pids = " ".join(str(process.pid) for process in survivors)
        raise HookError(f"processes of {handle.name} survived even being killed: {pids}; see ps -o pid,stat,args")
    if panes and any(pane.token == handle.token for pane in find_with_company(handle)):
        raise HookError(f"tmux did not remove the pane of {handle.name}; try again")


def kill(server: Server, token: str, panes: Sequence[Pane]) -> None:
    """Remove the tmux session that was created for a runtime, and from other sessions only the runtime's pane."""
    sessions = sorted({pane.session for pane in panes if pane.home == token})
    others = sorted({pane.id for pane in panes if pane.home != token and pane.token == token})
    commands = [["kill-session", "-t", session] for session in sessions]
    commands += [["kill-pane", "-t", pane] for pane in others]
    for command in commands:  # one by one: each may find that what it should end has just ended
        try:
            server.run(command)
        except NoServerError:
            return
        except TmuxError as error:
            if not error.reason:
                raise
