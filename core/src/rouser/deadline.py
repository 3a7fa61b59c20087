"""Calls with a deadline: what is called may hang for ever, the caller and the process never do."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")
Question = TypeVar("Question")
Answer = TypeVar("Answer")

_UNBOUNDED: Final = 3600.0
_MARGIN: Final = 0.05
_LONGEST_WAIT: Final = 0.2
_TURN_PAUSE: Final = 0.005
_SHORTEST: Final = 0.1
_MOST: Final = 0.8  # of its time: whoever takes that has most likely given up just before the caller would
_deadline: contextvars.ContextVar[float | None] = contextvars.ContextVar("rouser_deadline", default=None)


class DeadlineExceededError(Exception):
    """The call did not return in time; it may still be running.

    :ivar seconds: how much time it had.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


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


def set_deadline(seconds: float) -> None:
    """Begin the time of a hook call that has so many seconds, see :func:`time_left`."""
    _deadline.set(time.monotonic() + seconds * (1 - _MARGIN))


def slices(seconds: float | None) -> Iterator[float]:
    """Yield how long to wait at a time, at least once, until so many seconds are over; for ever for None.

    A signal that arrives between Python's look for one and the wait ends no wait, and is acted upon only after it;
    so the main thread must never wait for long at a time, or Ctrl-C could be without effect for as long.
    """
    longest = _LONGEST_WAIT if threading.current_thread() is threading.main_thread() else _UNBOUNDED
    give_up = None if seconds is None else time.monotonic() + seconds
    while True:
        left = longest if give_up is None else give_up - time.monotonic()
        yield max(0.0, min(longest, left))
        if left <= longest and give_up is not None:
            return


class _Call(Generic[T]):
    """One call on its way through a worker's thread."""

    __slots__ = ("_context", "_done", "_error", "_function", "_result")

    def __init__(self, function: Callable[[], T], seconds: float) -> None:
        self._function = function
        self._context = contextvars.copy_context()
        self._context.run(set_deadline, seconds)
        self._done = threading.Lock()
        self._done.acquire()
        self._error: BaseException | None = None
        self._result: list[T] = []

    def run(self) -> None:
        try:
            self._result.append(self._context.run(self._function))
        except BaseException as error:  # SystemExit and the like must not end in a silent thread
            self._error = error
        finally:
            self._done.release()

    def ends_within(self, seconds: float) -> bool:
        return any(self._done.acquire(timeout=part) for part in slices(seconds))

    def outcome(self) -> T:
        """Return what the function returned, or raise what it raised; it has ended."""
        if self._error is not None:
            raise self._error
        return self._result[0]


class _Worker:
    """A daemon thread that makes one call after another, until it is told to end."""

    __slots__ = ("_call", "_is_last", "_ready")

    def __init__(self) -> None:
        self._call: _Call[Any] | None = None
        self._is_last = False
        self._ready = threading.Lock()
        self._ready.acquire()
        threading.Thread(target=self._work, name="rouser-hook", daemon=True).start()

    def make(self, call: _Call[Any]) -> None:
        self._call = call
        self._ready.release()

    def end(self) -> None:
        """End, as soon as the call that is being made returns, if it does."""
        self._is_last = True
        with suppress(
            RuntimeError
        ):  # who made the call was interrupted before this has taken it, and can take no other
            self._ready.release()

    def _work(self) -> None:
        while not self._is_last:
            self._ready.acquire()
            call, self._call = self._call, None
            if call is None:
                return
            call.run()
            del call  # what was called with, and what came back, is not kept until the next call


class _Idle:
    """The worker that a thread keeps for its next call; ends with that thread, whose last reference this is."""

    __slots__ = ("worker",)

    def __init__(self, worker: _Worker) -> None:
        self.worker: Final = worker

    def __del__(self) -> None:
        self.worker.end()


class Scheduler:
    """What runs several tasks in one thread, which must not block, see :class:`rouser.tasks.Tasks`."""

    def call(self, seconds: float, function: Callable[[], T], kind: Hashable) -> T:
        """Do what :func:`call_within` does."""
        raise NotImplementedError

    def ask(
        self, answer_all: Callable[[Sequence[Question]], Sequence[Answer | BaseException]], question: Question
    ) -> Answer:
        """Return the answer to a question, or raise what came instead.

        :param answer_all: answers many questions at a time; it may block.
        """
        raise NotImplementedError

    def pause(self, seconds: float) -> None:
        """Do what :func:`pause` does."""
        raise NotImplementedError


class _Own(threading.local):
    """What each thread that makes calls has of its own; one worker will do, as it waits for each call to return."""

    idle: _Idle | None = None
    scheduler: Scheduler | None = None


_own: Final = _Own()


def scheduler() -> Scheduler | None:
    """Return what runs the present task. None: the thread is its own, and may block."""
    return _own.scheduler


@contextmanager
def run_here(scheduler: Scheduler) -> Iterator[None]:
    """Say that the code in the ``with`` block, in this thread, is in tasks of ``scheduler``."""
    before, _own.scheduler = _own.scheduler, scheduler
    try:
        yield
    finally:
        _own.scheduler = before


def pause(seconds: float) -> None:
    """Sleep, while other tasks of this thread go on."""
    if _own.scheduler is None:
        time.sleep(seconds)
    else:
        _own.scheduler.pause(seconds)


@contextmanager
def in_turn(lock: threading.Lock) -> Iterator[None]:
    """Hold a lock for the length of a ``with`` block in which there are calls that let other tasks go on."""
    while not lock.acquire(blocking=_own.scheduler is None):
        pause(_TURN_PAUSE)
    try:
        yield
    finally:
        lock.release()


def _borrowed() -> _Idle:
    """Return this thread's worker, which is nobody's unless it is put back into :data:`_own` after the call."""
    idle, _own.idle = _own.idle, None
    return idle or _Idle(_Worker())


def call_within(seconds: float, function: Callable[[], T], kind: Hashable = None) -> T:
    """Call ``function`` in a daemon thread and return what it returns.

    The thread is a daemon so that a call that never returns cannot keep the process from exiting, and the
    waiting happens in the caller's thread so that Ctrl-C ends it at once. The thread makes the caller's next
    call too, unless this one does not return.

    :param seconds: how long to wait, more than 0.
    :param kind: calls of one kind take about the same time. None: nothing is known of it.
    :raises DeadlineExceededError: the call has not returned; it goes on in its thread.
    :raises BaseException: whatever ``function`` raised, ``SystemExit`` included.
    """
    if _own.scheduler is not None:
        return _own.scheduler.call(seconds, function, kind)
    idle = _borrowed()
    call = _Call(function, seconds)
    idle.worker.make(call)
    if not call.ends_within(seconds):
        raise DeadlineExceededError(seconds)
    _own.idle = idle
    return call.outcome()


class _Each(Generic[T]):
    """Calls that a worker makes one after another, until the first that hangs.

    :param seconds: how long one may take.
    :param limit: how long they may take until one of them has returned.
    """

    def __init__(self, functions: Sequence[Callable[[], T]], seconds: float, limit: float) -> None:
        self._functions = functions
        self._seconds = seconds
        self.limit = limit
        self._guard = threading.Lock()
        self._begun = time.monotonic()
        self._abandoned = False
        self.outcomes: list[T | BaseException] = []

    def run(self) -> None:
        for function in self._functions:
            set_deadline(self.limit)
            outcome: T | BaseException
            try:
                outcome = function()
            except BaseException as error:  # one that got away would end all others unmade
                outcome = error
            with self._guard:
                if self._abandoned:
                    return
                self.outcomes.append(outcome)
                moment = time.monotonic()
                hung = moment - self._begun > self.limit * _MOST
                self.limit = self.next_limit() if hung else self._seconds
                self._begun = moment

    def next_limit(self) -> float:
        """Return how long a call may take after one that hung."""
        return max(self.limit / 2, min(self._seconds, _SHORTEST))

    def left(self) -> float:
        """Return how many seconds the present call has left; once none are, nothing more is taken of it."""
        with self._guard:
            seconds = self._begun + self.limit - time.monotonic()
            self._abandoned = seconds <= 0
            return seconds


def call_each_within(seconds: float, functions: Sequence[Callable[[], T]]) -> list[T | BaseException]:
    """Call many functions, one after another, each with a deadline of its own, for the price of one thread.

    After one that hangs, or takes most of its time, the next has half as long, until one returns sooner: where all
    hang, as for a backend that is not there, they are not waited for one by one.

    :param seconds: how long to wait for each, more than 0.
    :param functions: what to call.
    :returns: for each what it returned or raised, or :class:`DeadlineExceededError`.
    """
    outcomes: list[T | BaseException] = []
    if _own.scheduler is not None:
        return [_tried(seconds, function) for function in functions]
    limit = seconds
    while len(outcomes) < len(functions):
        each: _Each[T] = _Each(functions[len(outcomes) :], seconds, limit)
        idle = _borrowed()
        call = _Call(each.run, seconds)
        idle.worker.make(call)
        while not call.ends_within(max(0.0, left := each.left())) and left > 0:
            pass
        finished = left > 0 or len(each.outcomes) == len(functions) - len(outcomes)
        outcomes += each.outcomes
        if finished:
            _own.idle = idle
        else:
            outcomes.append(DeadlineExceededError(each.limit))
            limit = each.next_limit()
    return outcomes


def _tried(seconds: float, function: Callable[[], T]) -> T | BaseException:
    try:
        return call_within(seconds, function)
    except Exception as error:
        return error
