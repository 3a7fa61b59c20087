"""Tells what comes late because rouser is slow from what comes late because the machine is busy with other things."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_PROBE_SECONDS = 0.02


@dataclass(slots=True)
class Clock:
    """What :func:`timed` found out.

    :ivar taken: how many seconds the block took.
    :ivar crowding: how many times longer than on an idle machine a computation took before or after it.
    """

    taken: float = 0.0
    crowding: float = 1.0


@contextmanager
def timed() -> Iterator[Clock]:
    """Time a block, and the machine before and after it."""
    clock = Clock(crowding=crowding())
    begun = time.monotonic()
    try:
        yield clock
    finally:
        clock.taken = time.monotonic() - begun
        clock.crowding = max(clock.crowding, crowding())


def crowding() -> float:
    """Return how many times longer than on an idle machine a computation takes now; at least 1."""
    begun, used = time.monotonic(), time.thread_time()
    while time.thread_time() < used + _PROBE_SECONDS:
        pass
    return max(1.0, (time.monotonic() - begun) / _PROBE_SECONDS)
