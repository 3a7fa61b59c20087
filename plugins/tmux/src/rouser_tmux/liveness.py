"""Tell which agents run: yes, no, or an error that says why it cannot be known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rouser import DiscoveredRuntime, HookError, time_left
from rouser_tmux import processes
from rouser_tmux.client import NoServerError, Server, socket_exists
from rouser_tmux.handle import Handle
from rouser_tmux.panes import (
    agents_in_panes,
    find,
    is_in_its_terminal,
    marked_panes,
    remember_gone,
)

# A hangup reaches an agent within milliseconds of its server's death; most need about 50 ms to end on it.
_HANGUP_SECONDS: Final = 0.5


def is_alive(handle: Handle) -> bool:
    """Return whether the agent of a runtime runs in its pane.

    :raises HookError: it is not known, or the agent runs where nobody can attach to it.
    """
    if is_in_its_terminal(handle):
        return True
    agent = str(handle.agent.pid)
    in_pane = any(pane.holds_agent and pane.agent_pid == agent for pane in find(handle))
    return _judge(handle, in_pane=in_pane, patience=_HANGUP_SECONDS)


def list_alive(texts: Sequence[str]) -> dict[str, bool]:
    """Answer ``is_alive`` for many handles and ask each server once; what is not known is left out.

    :raises HookError: nothing is known of any.
    """
    answers: dict[str, bool] = {}
    failure: HookError | None = None
    handles: dict[str, Handle] = {}
    for text in texts:
        try:
            handles[text] = Handle.parse(text)
        except HookError as error:
            failure = error
    sockets = sorted({handle.socket for handle in handles.values()})
    for index, socket in enumerate(sockets):
        here = {text: handle for text, handle in handles.items() if handle.socket == socket}
        try:
            held = _held(next(iter(here.values())), time_left() / (len(sockets) - index))
        except HookError as error:
            failure = error
            continue
        in_pane = {text for text, handle in here.items() if str(handle.agent.pid) in held.get(handle.token, ())}
        for handle in here.values():
            if handle.token not in held:
                remember_gone(handle, answered=bool(held))
        lost = [handle.agent for text, handle in here.items() if text not in in_pane]
        processes.wait_until_gone(lost, _HANGUP_SECONDS)  # here for all, so that many do not take many times as long
        for text, handle in here.items():
            try:
                answers[text] = _judge(handle, in_pane=text in in_pane, patience=0)
            except HookError as error:
                failure = error
    if failure and not answers:
        raise failure
    return answers


def discover(server: Server) -> list[DiscoveredRuntime]:
    """Return the runtimes on a server whose agents run.

    :raises HookError: the server does not answer.
    """
    from rouser_tmux.launch import sweep  # listings need nothing of what launches

    sweep()
    try:
        panes = marked_panes(server)
    except NoServerError:
        return []
    handles = dict.fromkeys(pane.handle() for pane in panes if pane.holds_agent)
    return [
        DiscoveredRuntime(handle=str(handle), session_id=handle.session_id, name=handle.name)
        for handle in handles
        if handle.agent.runs() or not processes.are_visible()
    ]


def _held(handle: Handle, seconds: float) -> dict[str, set[str]]:
    """Return what a runtime's server has in its panes; nothing if there is no server."""
    if not socket_exists(handle.socket):
        return {}
    try:
        return agents_in_panes(handle.tmux, seconds)
    except NoServerError:
        return {}


def _judge(handle: Handle, *, in_pane: bool, patience: float) -> bool:
    """Decide by the pane and, where processes can be seen, by the agent's own: a pane may outlive its agent."""
    if not processes.are_visible():
        return in_pane
    if in_pane:
        return handle.agent.runs()
    if processes.wait_until_gone([handle.agent], patience):
        return False
    if handle.server.runs() and not socket_exists(handle.socket):
        raise HookError(
            f"the socket {handle.socket} is gone but its tmux server still runs:"
            f" recreate it with kill -USR1 {handle.server.pid}"
        )
    raise HookError(
        f"the agent of {handle.name} lost its tmux pane but still runs as process {handle.agent.pid}:"
        f" end it with rouser kill {handle.session_id[:8]}"
    )
