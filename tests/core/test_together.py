"""Concurrent questions, asked as one: nobody waits for company, everybody gets the own answer."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.waiting import wait_for

from rouser import Together


class Desk:
    """Answers questions in batches, and keeps the first one waiting until it is told to go on."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go_on = threading.Event()

    def answer(self, questions):
        self.batches.append(list(questions))
        if len(self.batches) == 1:
            assert self.go_on.wait(10)
        return [ValueError(question) if question < 0 else question * 2 for question in questions]


def asking(together: Together[int, int], *questions: int):
    """Ask the first question, and the others while that is being answered; return the futures."""
    pool = ThreadPoolExecutor(len(questions))
    futures = []
    for number, question in enumerate(questions):
        futures.append(pool.submit(together.ask, question))
        wait_for(lambda: len(together._waiting) == number and together._busy, "the question is asked")  # noqa: B023
    pool.shutdown(wait=False)
    return futures


@pytest.fixture
def desk():
    return Desk()


def test_one_that_comes_alone_is_answered_alone(desk):
    desk.go_on.set()
    together = Together(desk.answer)
    assert [together.ask(1), together.ask(2)] == [2, 4]
    assert desk.batches == [[1], [2]]


def test_those_that_come_meanwhile_are_answered_together(desk):
    futures = asking(Together(desk.answer), 1, 2, 3, 4)
    desk.go_on.set()
    assert [future.result(10) for future in futures] == [2, 4, 6, 8]
    assert desk.batches == [[1], [2, 3, 4]]


def test_no_more_than_the_most_are_answered_together(desk):
    futures = asking(Together(desk.answer, most=2), 1, 2, 3, 4)
    desk.go_on.set()
    assert [future.result(10) for future in futures] == [2, 4, 6, 8]
    assert desk.batches == [[1], [2, 3], [4]]


def test_an_exception_for_one_is_raised_for_that_one(desk):
    futures = asking(Together(desk.answer), 1, -2, 3)
    desk.go_on.set()
    with pytest.raises(ValueError, match="-2"):
        futures[1].result(10)
    assert [futures[0].result(10), futures[2].result(10)] == [2, 6]


def test_an_answer_that_fails_fails_for_all_of_its_batch_and_for_no_later_one():
    failures = [OSError("gone"), None]

    def answer(questions):
        failure = failures.pop(0)
        if failure:
            raise failure
        return questions

    together = Together(answer)
    with pytest.raises(OSError, match="gone"):
        together.ask(1)
    assert together.ask(2) == 2


def test_who_is_interrupted_while_leading_leaves_the_way_free():
    interrupted = [True]

    def answer(questions):
        if interrupted.pop() if interrupted else False:
            raise KeyboardInterrupt
        return questions

    together = Together(answer)
    with pytest.raises(KeyboardInterrupt):
        together.ask(1)
    assert together.ask(2) == 2


def test_who_has_no_time_left_goes_and_the_others_are_answered(desk, monkeypatch):
    together = Together(desk.answer)
    futures = asking(together, 1, 2)
    monkeypatch.setattr("rouser.together.time_left", lambda: 0.01)
    with pytest.raises(TimeoutError):
        together.ask(3)
    desk.go_on.set()
    assert [future.result(10) for future in futures] == [2, 4]
    assert desk.batches == [[1], [2]]


def test_many_threads_lose_nothing():
    def answer(questions):
        time.sleep(0.0005)
        return [question + 1 for question in questions]

    together = Together(answer, most=5)
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(together.ask, range(500))) == list(range(1, 501))
