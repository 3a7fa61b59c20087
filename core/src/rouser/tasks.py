"""Many pieces of work in one thread, each as far as it gets until it has to wait.

A restore is some hundred microseconds of work between waits. With a thread for each, and another for its hook calls,
the threads' turns at Python's interpreter lock cost more than the work. So each is a greenlet here, written like any
other code, and only what may block, plugins and the disk, is left to worker threads: quick calls to one thread, one
after another, handed over together; a call that does not return at once keeps its thread to itself, and the others go
on in another.
"""

from __future__ import annotations

import contextvars
import heapq
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar

from greenlet import getcurrent, greenlet

from rouser.deadline import DeadlineExceededError, Scheduler, run_here, set_deadline

T = TypeVar("T")
Question = TypeVar("Question")
Answer = TypeVar("Answer")

_AnswerAll = Callable[[Sequence[Any]], Sequence[Any]]

_AT_ONCE: Final = 0.005  # seconds, for as long as which another thread may keep the interpreter lock
_LONG: Final = 3600.0


class _Call:
    """Something that a worker does while one task waits for it, or several do.

    :ivar begun: when a worker began with it. None: none has.
    :ivar took: how many seconds it took.
    :ivar over: whether it has returned, or was given up.
    """

    __slots__ = ("_error", "_function", "_result", "begun", "kind", "over", "seconds", "took", "waiting")

    def __init__(
        self, function: Callable[[], Any], waiting: Sequence[greenlet], kind: Hashable, seconds: float | None
    ) -> None:
        self._function = function
        self._result: Any = None
        self._error: BaseException | None = None
        self.waiting = waiting
        self.kind = kind
        self.seconds = seconds
        self.begun: float | None = None
        self.took = 0.0
        self.over = False

    def make(self) -> None:
        self.begun = time.monotonic()
        try:
            self._result = contextvars.Context().run(self._make)
        except BaseException as error:  # SystemExit and the like must not end in a silent thread
            self._error = error
        self.took = time.monotonic() - self.begun

    def _make(self) -> Any:
        if self.seconds is not None:
            set_deadline(self.seconds)
        return self._function()

    def fail(self, error: BaseException) -> None:
        self._error = error

    def outcome(self) -> Any:
        """Return what the function returned, or raise what it raised."""
        if self._error is not None:
            raise self._error
        return self._result


class _Worker:
    """A daemon thread that makes the calls that it is given, until it is told to end.

    :ivar queue: the calls that it has not begun with; whoever takes one away makes it in its stead.
    :ivar call: the one that it makes now.
    """

    __slots__ = ("_ready", "_tasks", "call", "queue")

    def __init__(self, tasks: Tasks) -> None:
        self._tasks: Final = tasks
        self._ready: Final = threading.Lock()
        self._ready.acquire()
        self.queue: Final[deque[_Call]] = deque()
        self.call: _Call | None = None
        threading.Thread(target=self._work, name="rouser-tasks", daemon=True).start()

    def make(self, calls: Sequence[_Call]) -> None:
        self.queue.extend(calls)
        self._ready.release()

    def end(self) -> None:
        self._ready.release()

    def _work(self) -> None:
        while self._ready.acquire() and self.queue:
            while (call := self._take()) is not None:
                call.make()
                self._tasks.returned.append(call)
            self._tasks.freed.put(self)
            if self._tasks.are_over:
                return

    def _take(self) -> _Call | None:
        self.call = None
        with suppress(IndexError):
            self.call = self.queue.popleft()
        return self.call


class _Gathering:
    """The questions that tasks have at the same time for the same."""

    __slots__ = ("call", "questions", "waiting")

    def __init__(self, answer_all: _AnswerAll) -> None:
        self.questions: list[Any] = []
        self.waiting: list[greenlet] = []
        self.call = _Call(partial(answer_all, self.questions), self.waiting, answer_all, None)


class Tasks(Scheduler):
    """Does pieces of work, so many at a time, in the thread that calls :meth:`run`.

    In there, :func:`rouser.deadline.call_within`, :func:`rouser.deadline.pause`, :func:`rouser.deadline.in_turn` and
    :meth:`rouser.together.Together.ask` let the others go on. Whatever else blocks, blocks all of them.

    :param most: how many are under way at the same time, at least 1.
    :ivar returned: calls that were made and that nobody has looked at yet; for the workers.
    :ivar freed: workers that have made all of their calls; for the workers.
    :ivar are_over: whether there will be no more calls.
    """

    def __init__(self, most: int) -> None:
        self._most: Final = most
        self._main = getcurrent()
        self._under_way = 0
        self._ready: Final[deque[greenlet]] = deque()
        self._paused: Final[list[tuple[float, int, greenlet]]] = []
        self._pauses = 0
        self._quick: list[_Call] = []
        self._slow: Final[set[Hashable]] = set()  # the kinds whose last call did not return at once
        self._gathered: Final[dict[_AnswerAll, _Gathering]] = {}
        self._answering: Final[set[Hashable]] = set()
        self._busy: Final[set[_Worker]] = set()
        self._lane: _Worker | None = None  # makes the quick calls
        self._idle: Final[list[_Worker]] = []
        self.returned: Final[deque[_Call]] = deque()
        self.freed: Final[queue.SimpleQueue[_Worker]] = queue.SimpleQueue()
        self.are_over = False

    def run(self, works: Iterator[Callable[[], None]]) -> None:
        """Do all works, and return when each has returned.

        :param works: they raise nothing. The next one is taken when it can begin.
        """
        self._main = getcurrent()
        with run_here(self):
            try:
                while self._begin(works):
                    if self._ready:
                        self._go_on(self._ready.popleft())
                    else:
                        self._hand_over()
                        self._wait()
            finally:
                self._end()

    def call(self, seconds: float, function: Callable[[], T], kind: Hashable) -> T:
        """Have a worker call ``function``, for the current task.

        :param kind: calls of one kind take about the same time. None: nothing is known of it.
        :raises DeadlineExceededError: it has not returned; it goes on in its thread.
        :raises RuntimeError: no thread can be started.
        """
        call = _Call(function, [getcurrent()], kind, seconds)
        self._want(call)
        self._main.switch()
        result: T = call.outcome()
        return result

    def ask(
        self, answer_all: Callable[[Sequence[Question]], Sequence[Answer | BaseException]], question: Question
    ) -> Answer:
        """Have a question of the current task answered, together with those that others have by then."""
        gathering = self._gathered.get(answer_all)
        if gathering is None:
            gathering = self._gathered[answer_all] = _Gathering(answer_all)
        index = len(gathering.questions)
        gathering.questions.append(question)
        gathering.waiting.append(getcurrent())
        self._main.switch()
        answer: Answer | BaseException = gathering.call.outcome()[index]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def pause(self, seconds: float) -> None:
        """Let the current task go on after so many seconds."""
        self._pauses += 1
        heapq.heappush(self._paused, (time.monotonic() + seconds, self._pauses, getcurrent()))
        self._main.switch()

    def _begin(self, works: Iterator[Callable[[], None]]) -> bool:
        """Begin with as many of the next works as may be; return whether any is under way."""
        while self._under_way < self._most and (work := next(works, None)) is not None:
            self._ready.append(greenlet(work, self._main))
            self._under_way += 1
        return self._under_way > 0

    def _go_on(self, task: greenlet) -> None:
        task.switch()
        if task.dead:
            self._under_way -= 1

    def _want(self, call: _Call) -> None:
        if call.kind is None or call.kind in self._slow:
            self._give([call])
        else:
            self._quick.append(call)

    def _hand_over(self) -> None:
        """Give workers what tasks have begun to wait for."""
        if self._quick and self._lane is None:
            calls, self._quick = self._quick, []
            self._lane = self._give(calls)
        for answer_all in self._gathered.keys() - self._answering:
            self._answering.add(answer_all)
            self._give([self._gathered.pop(answer_all).call])

    def _give(self, calls: Sequence[_Call]) -> _Worker | None:
        try:
            worker = self._idle.pop() if self._idle else _Worker(self)
        except RuntimeError as error:  # no thread can be started
            for call in calls:
                self._settle(call, error)
            return None
        self._busy.add(worker)
        worker.make(calls)
        return worker

    def _settle(self, call: _Call, error: BaseException | None = None) -> None:
        """Let those go on who wait for a call, unless they have."""
        if call.over:
            return
        if error is not None:
            call.fail(error)
        call.over = True
        self._answering.discard(call.kind)
        self._ready.extend(call.waiting)

    def _wait(self) -> None:
        """Wait until a task can go on, or a worker is to be looked after."""
        if not self._ready:
            with suppress(queue.Empty):
                self._take_back(self.freed.get(timeout=max(0.0, self._next_look() - time.monotonic())))
        with suppress(queue.Empty):
            while True:
                self._take_back(self.freed.get_nowait())
        while self.returned:
            call = self.returned.popleft()
            if call.took > _AT_ONCE:
                self._slow.add(call.kind)
            else:
                self._slow.discard(call.kind)
            self._settle(call)
        moment = time.monotonic()
        for worker in list(self._busy):
            self._look_after(worker, moment)
        while self._paused and self._paused[0][0] <= moment:
            self._ready.append(heapq.heappop(self._paused)[2])

    def _next_look(self) -> float:
        moment = time.monotonic()
        looks = [self._paused[0][0] if self._paused else moment + _LONG]
        for worker in self._busy:
            call = worker.call
            begun = moment if call is None or call.begun is None else call.begun
            if worker is self._lane or call is None:
                looks.append(begun + _AT_ONCE)
            elif call.seconds is not None:
                looks.append(begun + call.seconds)
        return min(looks)

    def _look_after(self, worker: _Worker, moment: float) -> None:
        """Hand on what waits behind a call that does not return at once, and give up what has had its time."""
        call = worker.call
        if call is None or call.begun is None:
            return
        took = moment - call.begun
        if worker is self._lane and took > _AT_ONCE:
            self._lane = None
            self._slow.add(call.kind)
            with suppress(IndexError):
                while True:
                    self._want(worker.queue.popleft())
        if call.seconds is not None and took >= call.seconds:
            self._busy.discard(worker)
            self._settle(call, DeadlineExceededError(call.seconds))

    def _take_back(self, worker: _Worker) -> None:
        self._busy.discard(worker)
        self._idle.append(worker)
        if worker is self._lane:
            self._lane = None

    def _end(self) -> None:
        self.are_over = True
        with suppress(queue.Empty):
            while True:
                self._take_back(self.freed.get_nowait())
        for worker in self._idle:
            worker.end()
