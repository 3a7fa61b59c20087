"""Tell which agents run: yes, no, or an error that says why it cannot be known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rouser import DiscoveredRuntime, HookError, time_left
from rouser_process.client import UnreachableError, ask_all, request
from rouser_process.family import looking_at_processes, wait_until_gone
from rouser_process.handle import Handle
from rouser_process.places import recorded

# A hangup reaches an agent within milliseconds of its supervisor's death; most need about 50 ms to end on it.
_HANGUP_SECONDS: Final = 0.5
_ANSWER_SECONDS: Final = 5.0
_AT_A_TIME: Final = 100  # as each takes a descriptor, of which there may be 1,024


@looking_at_processes()
def is_alive(handle: Handle) -> bool:
    """Return whether the agent of a runtime runs, under a supervisor that answers.

    :raises HookError: the agent's process is there, but its supervisor does not answer or is gone; or none can be seen.
    """
    if not handle.agent.runs():
        return False
    try:
        request(handle, {"do": "ask"}, seconds=_ANSWER_SECONDS)
    except UnreachableError as error:
        # Both may be ending just now.
        if wait_until_gone([handle.agent], _HANGUP_SECONDS):
            return False
        raise HookError(_lost(handle, error)) from error
    return handle.agent.runs()


@looking_at_processes()
def list_alive(texts: Sequence[str]) -> dict[str, bool]:
    """Answer ``is_alive`` for many handles, asking their supervisors at the same time; the unknown are left out.

    :raises HookError: nothing is known of any.
    """
    answers: dict[str, bool] = {}
    failure: HookError | None = None
    running: dict[Handle, str] = {}
    for text in texts:
        try:
            handle = Handle.parse(text)
        except HookError as error:
            failure = error
            continue
        if handle.agent.runs():
            running[handle] = text
        else:
            answers[text] = False
    answered = _ask_in_parts(list(running))
    wait_until_gone([handle.agent for handle in running if not handle.supervisor.runs()], _HANGUP_SECONDS)
    for handle, text in running.items():
        if not handle.agent.runs():
            answers[text] = False
        elif handle in answered:
            answers[text] = True
        else:
            failure = HookError(f"the supervisor of {handle.name} does not answer; see rouser show")
    if failure and not answers:
        raise failure
    return answers


@looking_at_processes()
def discover(base: Path) -> list[DiscoveredRuntime]:
    """Return the runtimes below a directory whose agents run.

    :raises HookError: the directory cannot be read.
    """
    return [
        DiscoveredRuntime(handle=str(handle), session_id=handle.session_id, name=handle.name)
        for handle in recorded(base)
        if handle.agent.runs()
    ]


def _ask_in_parts(handles: list[Handle]) -> set[Handle]:
    parts = [handles[start : start + _AT_A_TIME] for start in range(0, len(handles), _AT_A_TIME)]
    seconds = min(_ANSWER_SECONDS, time_left() / 2)
    return {found for part in parts for found in ask_all(part, seconds / len(parts))}


def _lost(handle: Handle, error: Exception) -> str:
    if handle.supervisor.runs():
        pid, short = handle.supervisor.pid, handle.session_id[:8]
        return f"{error}, but the supervisor runs as process {pid}; end it with rouser kill {short}"
    return (
        f"the agent of {handle.name} lost its terminal but still runs as process {handle.agent.pid}:"
        f" end it with rouser kill {handle.session_id[:8]}"
    )
