"""How the kit judges: a failure is one sentence that names the defect; conditions are awaited, never slept for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NoReturn, TypeVar

import pytest

from rouser.answers import WrongAnswerError
from rouser.errors import HookError, HookTimeoutError, PluginCallError

T = TypeVar("T")

patience = 5.0
"""How many seconds a condition may take to come true. Shortened where many plugins are known to fail."""

_SHORTEST: Final = 0.005
_LONGEST: Final = 0.05


def fail(defect: str) -> NoReturn:
    """Fail the test with a sentence that names the defect."""
    pytest.fail(defect, pytrace=False)


def expect(condition: object, defect: str) -> None:
    """Fail the test with ``defect`` unless ``condition`` is true."""
    if not condition:
        fail(defect)


def eventually(condition: Callable[[], T], seconds: float | None = None) -> T:
    """Poll ``condition`` until it is true or ``seconds`` (:data:`patience`) have passed; return its last value.

    The longer it has not come true, the longer the pauses: what never will would else keep a processor busy.
    """
    begun = time.monotonic()
    deadline = begun + (patience if seconds is None else seconds)
    while not (value := condition()) and (now := time.monotonic()) < deadline:
        time.sleep(min(_LONGEST, max(_SHORTEST, (now - begun) / 10)))
    return value


def refusal(call: Callable[[], object], defect: str) -> str:
    """Return the message with which the plugin refuses ``call``; fail with ``defect`` when it does not refuse.

    Only a :class:`rouser.HookError` is a refusal: any other exception is a defect of its own, and so is a call
    that the host had to give up on.
    """
    _, error = _attempt(call)
    if error is None:
        fail(defect)
    return str(error)


def unless_refused(call: Callable[[], T]) -> T | None:
    """Return what ``call`` returns; None when the plugin refuses it, which is to say: raises HookError."""
    return _attempt(call)[0]


def _attempt(call: Callable[[], T]) -> tuple[T | None, PluginCallError | None]:
    """Return what ``call`` returns, or the error by which a plugin refuses it."""
    try:
        return call(), None
    except PluginCallError as caught:
        error = caught
    if isinstance(error, HookTimeoutError):
        fail(f"{error}: a plugin ends what it waits for when time_left() runs out, and raises HookError")
    if isinstance(error.__cause__, WrongAnswerError):
        fail(str(error))
    if not isinstance(error.__cause__, HookError):
        fail(f"{error}: where people are to read one line, raise HookError")
    return None, error
