"""Take over panes of the user's in which agents run that nobody but the user started.

The pane gets marks, which no one sees, and nothing else: it keeps its name, its place and its options, and
outlives the agent if it would have done so anyway.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from rouser import HookError, Session
from rouser_tmux import processes
from rouser_tmux.client import NoServerError, Server, socket_exists
from rouser_tmux.handle import Handle
from rouser_tmux.panes import ADOPTED, NAME, PID, RUNTIME, SESSION, Pane, list_panes
from rouser_tmux.processes import Process


def adopt(configured: Server, session: Session, pid: int) -> Handle | None:
    """Mark the pane that a process runs in as the session's; return None if it runs in none.

    :param configured: the server to look at besides those that the process's environment names.
    :raises HookError: the process has ended, its pane is another session's, or a server does not answer.
    """
    if not processes.are_visible():
        return None
    ancestry = processes.ancestry(pid)
    agent = Process.identify(pid)
    if not ancestry or not agent.runs():
        raise HookError(f"process {pid} has ended; look again with rouser discover")
    pane = _pane_around(configured, ancestry)
    if pane is None:
        return None
    if pane.token and pane.handle().agent == agent and pane.rouser_session == session.id:
        return pane.handle()
    _require_free(pane, pid)
    return _mark(pane, session, agent)


def require_agent(pane: Pane, handle: Handle) -> None:
    """Check of a pane of the user's that it still is the agent's: else what is in it is nobody's business.

    :raises HookError: the agent has ended.
    """
    if pane.adopted and not handle.agent.runs():
        raise HookError(f"the agent of {handle.name} has ended, and its pane is the user's own again; restore it first")


def require_listening(pane: Pane, handle: Handle) -> None:
    """Check of a pane of the user's that what is typed into it reaches the agent, and no shell around it.

    :raises HookError: the agent has ended, or something else has the terminal.
    """
    require_agent(pane, handle)
    if pane.adopted and not processes.is_in_foreground(handle.agent.pid):
        raise HookError(f"the agent of {handle.name} is not in the foreground of its pane; bring it there with fg")


def _pane_around(configured: Server, ancestry: Sequence[int]) -> Pane | None:
    """Return the pane whose own process is the nearest to the first of a line of ancestors."""
    found: list[Pane] = []
    for server in _servers(configured, ancestry):
        try:
            found += [pane for pane in list_panes(server, "1") if not pane.dead and pane.pid in ancestry]
        except NoServerError:
            continue
    return min(found, key=lambda pane: ancestry.index(pane.pid), default=None)


def _servers(configured: Server, ancestry: Sequence[int]) -> Iterator[Server]:
    """Return the servers that a process may be in: those it and its ancestors were told of, then ours."""
    told = [processes.variable(pid, "TMUX").rsplit(",", 2)[0] for pid in ancestry]
    for socket in dict.fromkeys(socket for socket in told if os.path.isabs(socket)):  # noqa: PTH117
        if socket_exists(socket):
            yield Server(("-S", socket))
    yield configured


def _require_free(pane: Pane, pid: int) -> None:
    if pane.home:
        raise HookError(
            f"process {pid} runs inside of a tmux session that rouser made for another session, and would end with "
            f"it: move it out with tmux -S {pane.socket} break-pane -s {pane.id} -t =NAME:, then adopt it"
        )
    if pane.token and pane.holds_agent and pane.handle().agent.runs():
        raise HookError(f"process {pid} shares its tmux pane with the agent of session {pane.rouser_session[:8]}")


def _mark(pane: Pane, session: Session, agent: Process) -> Handle:
    token, name = os.urandom(8).hex(), session.next_runtime_name
    marks = {SESSION: session.id, NAME: name, PID: str(agent.pid), ADOPTED: agent.start, RUNTIME: token}
    server = Server(("-S", pane.socket))
    server.run(*(["set-option", "-p", "-t", pane.id, mark, value] for mark, value in marks.items()))
    return Handle(token, session.id, name, Process.identify(pane.server_pid), agent, pane.socket)
