"""Calls with a deadline: what is called may hang for ever, the caller and the process never do."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_UNBOUNDED: Final = 3600.0
_MARGIN: Final = 0.05
_deadline: contextvars.ContextVar[float | None] = contextvars.ContextVar("rouser_deadline", default=None)


class DeadlineExceededError(Exception):
    """The call did not return in time; it may still be running."""


def time_left() -> float:
    """Return how many seconds a hook call should still take at most.

    A little less than the host's own deadline, so that a plugin that passes this on as the timeout of a
    subprocess can end it and report what hung, before the host gives up on the whole call. Never less than
    0.01; 3600.0 outside of a hook call.
    """
    deadline = _deadline.get()
    if deadline is None:
        return _UNBOUNDED
    return max(0.01, deadline - time.monotonic())


class _Call(Generic[T]):
    """One call on its way through a thread of its own."""

    __slots__ = ("_done", "_error", "_function", "_result")

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._done = threading.Event()
        self._error: BaseException | None = None
        self._result: list[T] = []

    def run(self) -> None:
        try:
            self._result.append(self._function())
        except BaseException as error:  # SystemExit and the like must not end in a silent thread
            self._error = error
        finally:
            self._done.set()

    def wait(self, seconds: float) -> T:
        if not self._done.wait(seconds):
            raise DeadlineExceededError
        if self._error is not None:
            raise self._error
        return self._result[0]


def call_within(seconds: float, function: Callable[[], T]) -> T:
    """Call ``function`` in a daemon thread and return what it returns.

    The thread is a daemon so that a call that never returns cannot keep the process from exiting, and the
    waiting happens in the caller's thread so that Ctrl-C ends it at once.

    :param seconds: how long to wait, more than 0.
    :raises DeadlineExceededError: the call has not returned; it goes on in its thread.
    :raises BaseException: whatever ``function`` raised, ``SystemExit`` included.
    """
    context = contextvars.copy_context()
    context.run(_deadline.set, time.monotonic() + seconds * (1 - _MARGIN))
    call = _Call(function)
    threading.Thread(target=context.run, args=(call.run,), name="rouser-hook", daemon=True).start()
    return call.wait(seconds)
