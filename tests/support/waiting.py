"""Waiting for a condition with a deadline, in place of fixed sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# So long that a machine with twenty times the work gets there; a test that passes never waits for it.
PATIENCE = 30.0


def wait_for(condition: Callable[[], T], what: str, seconds: float = PATIENCE) -> T:
    """Poll ``condition`` until it is true and return its value; fail, saying ``what``, when it does not come."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds:g} s still not: {what}")
        time.sleep(0.02)


def eventually(condition: Callable[[], T], seconds: float = PATIENCE) -> T:
    """As :func:`wait_for`, for what needs no saying and is over in a moment."""
    give_up = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < give_up, "it never came to be"
        time.sleep(0.005)
    return value
