"""Questions that several threads have at the same time, asked as one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from rouser.deadline import scheduler, time_left

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class _Asked(Generic[Question, Answer]):
    """A question on its way."""

    __slots__ = ("leads", "outcome", "question", "ready")

    def __init__(self, question: Question) -> None:
        self.question = question
        self.outcome: Answer | BaseException | None = None
        self.leads = False
        self.ready = threading.Semaphore(0)


class Together(Generic[Question, Answer]):
    """Merges what concurrent calls ask for into one round trip: a command of many parts, one durable transaction.

    A call that comes alone is answered alone and at once. Those that come while one is being answered wait for
    it, and are then answered together, by the first of them. So nobody waits for company, and every answer was
    begun after its question was asked.

    :param answer: answers questions: it returns for each, in their order, what is to be returned, or an exception
        that is to be raised; what it raises itself is raised for each of them. It runs in one thread at a time.
    :param most: how many questions are answered together at most.
    """

    def __init__(
        self, answer: Callable[[Sequence[Question]], Sequence[Answer | BaseException]], most: int = 64
    ) -> None:
        self._answer: Final = answer
        self._most: Final = most
        self._guard: Final = threading.Lock()
        self._waiting: list[_Asked[Question, Answer]] = []
        self._busy = False

    def ask(self, question: Question) -> Answer:
        """Return the answer, or raise what came instead.

        :raises TimeoutError: the time of the hook call is over, and others are still being answered.
        """
        tasks = scheduler()
        if tasks is not None:
            return tasks.ask(self.ask_all, question)
        (answer,) = self.ask_all([question])
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def ask_all(self, questions: Sequence[Question]) -> list[Answer | BaseException]:
        """Return for each question its answer, or what came instead.

        :raises TimeoutError: the time of the hook call is over, and others are still being answered.
        """
        every: list[_Asked[Question, Answer]] = [_Asked(question) for question in questions]
        try:
            with self._guard:
                every[0].leads, self._busy = not self._busy, True
                self._waiting += every
            for asked in every:
                if not asked.leads:
                    self._wait(asked)
                if asked.leads:
                    self._lead()
        except BaseException:
            for asked in every:
                self._leave(asked)
            raise
        return [asked.outcome for asked in every]  # type: ignore[misc]  # each has one, which may be None

    def _wait(self, asked: _Asked[Question, Answer]) -> None:
        if asked.ready.acquire(timeout=time_left()):
            return
        with self._guard:
            is_late = asked in self._waiting and not asked.leads
        if is_late:
            raise TimeoutError("others were being answered for too long")
        asked.ready.acquire()

    def _leave(self, asked: _Asked[Question, Answer]) -> None:
        """Go without an answer, as after Ctrl-C, and hold up nobody."""
        with self._guard:
            if asked in self._waiting:
                self._waiting.remove(asked)
            if asked.leads:
                asked.leads = False
                self._pass_on()

    def _pass_on(self) -> None:
        """Make the first of those who wait the next to lead; the guard is held."""
        self._busy = bool(self._waiting)
        if self._waiting:
            self._waiting[0].leads = True
            self._waiting[0].ready.release()

    def _lead(self) -> None:
        """Answer all who wait, the leader among them, and make the first of those who came meanwhile the next."""
        with self._guard:
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        try:
            outcomes: Sequence[Answer | BaseException] = self._answer([each.question for each in batch])
        except BaseException as error:
            outcomes = [error] * len(batch)
        with self._guard:
            for each, outcome in zip(batch, outcomes, strict=True):
                each.outcome, each.leads = outcome, False
                each.ready.release()
            self._pass_on()
