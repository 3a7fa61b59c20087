"""Many pieces of work in one thread: none holds up another, whatever the calls do that they wait for."""

import contextvars
import threading
import time
from collections.abc import Callable
from functools import partial

import pytest
from support.waiting import wait_for

from rouser import Together, time_left
from rouser.deadline import DeadlineExceededError, call_each_within, call_within, in_turn, pause, scheduler
from rouser.tasks import Tasks


def do(*works: Callable[[], object], most: int = 50) -> list[object]:
    """Do all works as tasks, and return what each returned or raised, in the order in which they ended."""
    ended: list[object] = []

    def one(work: Callable[[], object]) -> None:
        try:
            ended.append(work())
        except BaseException as error:
            ended.append(error)

    Tasks(most).run(partial(one, work) for work in works)
    return ended


def raiser() -> None:
    raise SystemExit("broken")


def test_each_gets_what_its_own_call_returned_or_raised() -> None:
    works = [partial(call_within, 5, partial(int, number), "int") for number in range(100)]
    assert sorted(do(*works)) == list(range(100))
    (error,) = do(partial(call_within, 5, raiser))
    assert isinstance(error, SystemExit)


def test_all_tasks_share_one_thread_and_quick_calls_another() -> None:
    tasks = set(do(*[threading.get_ident] * 20))
    calls = set(do(*[partial(call_within, 5, threading.get_ident, "ident")] * 20))
    assert tasks == {threading.get_ident()}
    assert len(calls) < 5  # the machine may halt one at any moment, which then is not quick
    assert not calls & tasks


def test_calls_of_which_nothing_is_known_have_threads_of_their_own() -> None:
    barrier = threading.Barrier(10)
    assert sorted(do(*[partial(call_within, 30, barrier.wait)] * 10)) == list(range(10))


def test_calls_that_turn_out_slow_get_threads_of_their_own_and_hold_up_no_quick_one() -> None:
    barrier, quick = threading.Barrier(10), threading.Event()

    def slow() -> None:
        assert quick.wait(30)
        barrier.wait(30)

    works = [partial(call_within, 60, slow, "slow")] * 10
    assert do(*works, lambda: call_within(5, quick.set, "quick")) == [None] * 11


def test_one_that_hangs_is_given_up_alone_and_what_it_returns_later_is_nobodys() -> None:
    over, returned = threading.Event(), threading.Event()

    def hang() -> str:
        over.wait(60)
        returned.set()
        return "late"

    def twice() -> object:
        try:
            return call_within(0.2, hang, "hang")
        except DeadlineExceededError:
            over.set()
            assert returned.wait(30)
            return call_within(5, lambda: "next", "next")

    assert do(twice, *[partial(call_within, 5, lambda: 1, "one")] * 3) == [1, 1, 1, "next"]


def test_nobody_looks_again_and_again_for_what_was_given_up() -> None:
    over = threading.Event()
    begun = time.process_time()
    try:
        do(partial(call_within, 0.05, partial(over.wait, 60)), partial(pause, 1))
    finally:
        over.set()
    assert time.process_time() - begun < 0.5


def test_a_call_sees_nothing_of_the_context_of_another() -> None:
    mark = contextvars.ContextVar("mark", default="none")
    assert do(*[lambda: call_within(5, lambda: (mark.get(), mark.set("set"))[0], "mark")] * 5) == ["none"] * 5


def test_the_time_of_a_call_begins_with_the_call_not_when_it_is_asked_for() -> None:
    works = [partial(call_within, 0.5, partial(time.sleep, 0.004), "short")] * 200
    assert do(*works, most=200) == [None] * 200
    (left,) = do(partial(call_within, 20, time_left, "left"))
    assert isinstance(left, float)
    assert 15 < left <= 19


def test_no_more_than_the_most_are_under_way() -> None:
    under_way, most = 0, 0

    def work() -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        call_within(5, lambda: None, "nothing")
        under_way -= 1

    do(*[work] * 30, most=7)
    assert most == 7


def test_a_task_that_pauses_lets_the_others_go_on() -> None:
    others = threading.Event()

    def wait() -> str:
        while not others.is_set():
            pause(0.001)
        return "waited"

    assert do(wait, lambda: call_within(5, others.set)) == [None, "waited"]


def test_a_pause_is_as_long_as_it_should_be_whatever_the_others_do() -> None:
    over = threading.Event()

    def rest() -> float:
        begun = time.monotonic()
        pause(0.1)
        over.set()
        return time.monotonic() - begun

    def work() -> None:
        while not over.is_set():
            call_within(5, lambda: None, "nothing")

    seconds, _ = do(rest, work)
    assert isinstance(seconds, float)
    assert seconds >= 0.1


def test_questions_of_several_tasks_are_answered_together_and_each_by_its_own_answer() -> None:
    batches = []

    def answer(questions: list[int]) -> list[object]:
        batches.append(list(questions))
        return [ValueError(question) if question < 0 else question * 2 for question in questions]

    together: Together[int, int] = Together(answer)  # type: ignore[arg-type]
    first, second, third, fourth = do(*[partial(together.ask, question) for question in (1, 2, -3, 4)])
    assert (first, second, str(third), fourth) == (2, 4, "-3", 8)
    assert batches == [[1, 2, -3, 4]]


def test_a_task_may_ask_again_and_again() -> None:
    together: Together[int, int] = Together(lambda some: [question + 1 for question in some])
    assert do(*[lambda: together.ask(together.ask(together.ask(0)))] * 3) == [3, 3, 3]


def test_questions_are_answered_no_more_together_than_allowed() -> None:
    batches = []
    together: Together[int, int] = Together(lambda some: batches.append(list(some)) or list(some), most=2)
    assert do(*[partial(together.ask, question) for question in range(5)]) == [0, 1, 2, 3, 4]
    assert batches == [[0, 1], [2, 3], [4]]


def test_what_answers_and_fails_fails_for_all_who_asked_then_and_for_nobody_later() -> None:
    failures = iter([OSError("disk")])

    def answer(questions: list[int]) -> list[int]:
        for failure in failures:
            raise failure
        return questions

    together: Together[int, int] = Together(answer)  # type: ignore[arg-type]
    assert [type(error) for error in do(*[partial(together.ask, 1)] * 3)] == [OSError] * 3
    assert do(partial(together.ask, 2)) == [2]


def test_a_lock_is_held_across_calls_by_one_task_at_a_time() -> None:
    lock, inside, most = threading.Lock(), 0, 0

    def work() -> None:
        nonlocal inside, most
        with in_turn(lock):
            inside += 1
            most = max(most, inside)
            call_within(5, lambda: None, "nothing")
            inside -= 1

    assert do(*[work] * 5) == [None] * 5
    assert most == 1
    assert not lock.locked()


def test_many_calls_of_one_task_are_made_as_elsewhere() -> None:
    over = threading.Event()
    try:
        ((first, second, third),) = do(partial(call_each_within, 0.2, [lambda: 1, partial(over.wait, 60), lambda: 3]))
    finally:
        over.set()
    assert (first, type(second), third) == (1, DeadlineExceededError, 3)


def test_where_no_thread_can_be_started_each_call_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    errors = do(*[partial(call_within, 5, lambda: 1, kind) for kind in ("quick", "quick", None)])
    assert [str(error) for error in errors] == ["can't start new thread"] * 3


def test_nothing_is_left_behind() -> None:
    over = threading.Event()
    do(*[partial(call_within, 0.05, partial(over.wait, 60))] * 2, *[partial(call_within, 5, lambda: 1, "one")] * 5)
    assert scheduler() is None
    over.set()
    wait_for(lambda: not [each for each in threading.enumerate() if each.name == "rouser-tasks"], "the workers end")
