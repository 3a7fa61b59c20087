"""Tell which agents run: yes, no, or an error that says why it cannot be known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rouser import DiscoveredRuntime, HookError, time_left
from rouser_tmux import launch, processes
from rouser_tmux.client import NoServerError, Server
from rouser_tmux.handle import Handle
from rouser_tmux.panes import Pane, find, is_in_its_terminal, marked_panes, remember_gone, socket_exists

# A hangup reaches an agent within milliseconds of its server's death; most need about 50 ms to end on it.
_HANGUP_SECONDS: Final = 0.5


def is_alive(handle: Handle) -> bool:
    """Return whether the agent of a runtime runs in its pane.

    :raises HookError: it is not known, or the agent runs where nobody can attach to it.
    """
    if is_in_its_terminal(handle):
        return True
    return _judge(handle, find(handle), _HANGUP_SECONDS)


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
            panes = _all_panes(next(iter(here.values())), time_left() / (len(sockets) - index))
        except HookError as error:
            failure = error
            continue
        found = _sorted_out(here, panes)
        lost = [handle.agent for text, handle in here.items() if not _is_in_pane(handle, found[text])]
        processes.wait_until_gone(lost, _HANGUP_SECONDS)  # here for all, so that many do not take many times as long
        for text, handle in here.items():
            try:
                answers[text] = _judge(handle, found[text], patience=0)
            except HookError as error:
                failure = error
    if failure and not answers:
        raise failure
    return answers


def _sorted_out(handles: Mapping[str, Handle], panes: Sequence[Pane]) -> dict[str, list[Pane]]:
    """Return the panes of each runtime, and remember those that have none left."""
    by_token: dict[str, list[Pane]] = defaultdict(list)
    for pane in panes:
        by_token[pane.token].append(pane)
    homes = {pane.home for pane in panes}
    for handle in handles.values():
        if handle.token not in by_token and handle.token not in homes:
            remember_gone(handle, answered=bool(panes))
    return {text: by_token[handle.token] for text, handle in handles.items()}


def discover(server: Server) -> list[DiscoveredRuntime]:
    """Return the runtimes on a server whose agents run.

    :raises HookError: the server does not answer.
    """
    launch.sweep()
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


def _all_panes(handle: Handle, seconds: float) -> list[Pane]:
    if not socket_exists(handle.socket):
        return []
    try:
        return marked_panes(handle.tmux, seconds)
    except NoServerError:
        return []


def _is_in_pane(handle: Handle, panes: Iterable[Pane]) -> bool:
    return any(pane.holds_agent and pane.agent_pid == str(handle.agent.pid) for pane in panes)


def _judge(handle: Handle, panes: Iterable[Pane], patience: float) -> bool:
    """Decide by the pane and, where processes can be seen, by the agent's own: a pane may outlive its agent."""
    in_pane = _is_in_pane(handle, panes)
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
