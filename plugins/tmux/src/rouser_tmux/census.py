"""Tell whether anything is left of runtimes whose agents have ended, by one look at all processes."""

import math
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from rouser import carried_tokens
from rouser_tmux.processes import Process, are_visible, boot, found_ended, pids, unknown

_LOOKS: Final = 5  # the first takes almost all of the time
_CENSUSES: Final = 2
_NEVER: Final = -1.0


class _Census(NamedTuple):
    """The sessions (``setsid(2)``) and their members, the tokens of runtimes that have members, and when it was taken.

    That something is in here proves nothing; that it is not proves that nothing of it is left.

    :ivar taken: when it was begun, by ``time.monotonic``.
    :ivar verified: a moment after which nobody was there who is not in it; before ``taken`` if there was none.
    """

    taken: float
    verified: float
    sessions: Mapping[int, Sequence[int]]
    tokens: frozenset[str]


_census = _Census(_NEVER, _NEVER, {}, frozenset())
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
    moment = found_ended[leader]
    for _ in range(_CENSUSES):
        census = _census_since(moment)
        moment = max([moment, *map(_ended_by, census.sessions.get(leader.pid, ()))])
        if token in census.tokens or moment == math.inf:
            return False
        if moment <= census.verified:
            return True
        # Members that ended since then may have left children, who are in the next census.
    return False


def _census_since(moment: float) -> _Census:
    """Return a census that was taken at or after a moment of ``time.monotonic``."""
    global _census  # noqa: PLW0603 - the processes of one system
    with _counting:
        if _census.taken < moment:
            _census = _count()
        return _census


def _count() -> _Census:
    """Look at all processes, then at those that were not there before, until there are none.

    One that was born after the numbers were listed, and whose parent ended before that was looked at, is not seen the
    first time; nor are its children the second, if it does the same. So it takes a list with nobody new in it, and on
    a busy machine that may not come.
    """
    taken = time.monotonic()
    ended = {process.pid for process in list(found_ended)}
    sessions: dict[int, list[int]] = {}
    tokens: set[str] = set()
    seen: set[int] = set()
    for _ in range(_LOOKS):
        listed = time.monotonic()
        new = [pid for pid in pids() if pid not in seen]
        if not new:
            return _Census(taken, listed, sessions, frozenset(tokens))
        seen.update(new)
        tokens |= _tokens(new)
        for pid, session in _sessions(new):
            sessions.setdefault(session, []).append(pid)
            if session in ended:
                _ended_by(pid)  # is remembered, so that a zombie is known to have ended before the last list
    return _Census(taken, _NEVER, sessions, frozenset(tokens))


def _ended_by(pid: int) -> float:
    """Return a moment by which a process had ended; infinity for one that runs."""
    process = Process.identify(pid)
    if process.runs():
        return math.inf
    return found_ended[process] if process.start else time.monotonic()


def _sessions(listed: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield processes, zombies included, each with its session.

    Asked of the kernel, for each process in the fiftieth part of the time that its ``stat`` file takes.
    """
    for pid in listed:
        with suppress(ProcessLookupError):
            yield pid, os.getsid(pid)


def _tokens(listed: Iterable[int]) -> frozenset[str]:
    try:
        return carried_tokens(listed)
    except OSError as error:
        raise unknown(error) from error
