"""Tell whether anything is left of runtimes whose agents have ended, by one look at all processes."""

import os
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from rouser import carried_tokens
from rouser_tmux.processes import Process, are_visible, boot, found_ended, pids, unknown


class _Census(NamedTuple):
    """The sessions (``setsid(2)``) and their members, the tokens of runtimes that have members, and when it was taken.

    That something is in here proves nothing; that it is not proves that nothing of it is left.
    """

    taken: float
    sessions: Mapping[int, Sequence[int]]
    tokens: frozenset[str]


_census = _Census(-1.0, {}, frozenset())
_counting: Final = threading.Lock()


def left_nothing(leader: Process, token: str) -> bool:
    """Return True if it is certain that an agent, all in its session and its daemons have ended.

    A session that nobody is in stays empty, and daemons come only from what carries the token already. So one look
    at all processes does for all leaders that had ended by then, however many are asked about.

    :raises HookError: the processes cannot be looked at.
    """
    if not are_visible() or leader.runs():
        return False
    if leader.start and leader.start.rpartition(".")[2] != boot():
        return True
    census = _census_since(found_ended[leader])
    members = map(Process.identify, census.sessions.get(leader.pid, ()))
    return token not in census.tokens and not any(member.runs() for member in members)


def _census_since(moment: float) -> _Census:
    """Return a census that was taken at or after a moment of ``time.monotonic``."""
    global _census  # noqa: PLW0603 - the processes of one system
    with _counting:
        if _census.taken < moment:
            begun = time.monotonic()
            _census = _Census(begun, _sessions(), _tokens())
        return _census


def _sessions() -> dict[int, list[int]]:
    """Return the pids of all processes by their sessions, zombies included.

    Asked of the kernel, for each process in the fiftieth part of the time that its ``stat`` file takes.
    """
    found: dict[int, list[int]] = {}
    for pid in pids():
        with suppress(ProcessLookupError):
            found.setdefault(os.getsid(pid), []).append(pid)
    return found


def _tokens() -> frozenset[str]:
    try:
        return carried_tokens()
    except OSError as error:
        raise unknown(error) from error
