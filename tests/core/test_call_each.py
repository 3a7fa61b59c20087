"""Many calls for the price of one thread: each with its own deadline, none harmed by another."""

import _thread
import signal
import threading
import time

import pytest

from rouser import time_left
from rouser.deadline import DeadlineExceededError, call_each_within, call_within, slices


def raiser():
    raise ValueError("broken")


def test_each_gets_its_own_answer_in_order():
    assert call_each_within(5, [lambda number=number: number for number in range(50)]) == list(range(50))


def test_one_that_raises_harms_no_other():
    first, second, third = call_each_within(5, [lambda: 1, raiser, lambda: 3])
    assert (first, str(second), third) == (1, "broken", 3)


def test_one_that_exits_harms_no_other():
    def leave():
        raise SystemExit(3)

    first, second, third = call_each_within(5, [lambda: 1, leave, lambda: 3])
    assert (first, type(second), third) == (1, SystemExit, 3)


def test_one_that_hangs_costs_its_own_deadline_only_and_the_rest_are_made():
    over = threading.Event()
    begun = time.monotonic()
    try:
        outcomes = call_each_within(0.3, [lambda: 1, lambda: over.wait(60), lambda: 3, lambda: 4])
    finally:
        over.set()
    assert [type(outcome) for outcome in outcomes] == [int, DeadlineExceededError, int, int]
    assert time.monotonic() - begun < 30


def test_after_one_that_hangs_the_next_has_half_as_long_until_one_returns():
    over = threading.Event()
    try:
        first, second, third = call_each_within(2, [lambda: over.wait(60), time_left, time_left])
    finally:
        over.set()
    assert isinstance(first, DeadlineExceededError)
    assert second <= 1 < third


def test_where_all_hang_they_are_not_waited_for_one_by_one():
    over = threading.Event()
    try:
        outcomes = call_each_within(0.8, [lambda: over.wait(60)] * 6)
    finally:
        over.set()
    assert [outcome.seconds for outcome in outcomes] == [0.8, 0.4, 0.2, 0.1, 0.1, 0.1]


def test_one_that_gives_up_by_itself_at_the_last_moment_counts_as_one_that_hangs():
    def give_up():
        while time_left() > 0.1:
            time.sleep(0.005)

    _, second, third = call_each_within(1, [give_up, time_left, time_left])
    assert second <= 0.5 < third


def test_each_has_the_whole_time_though_all_together_take_longer():
    assert call_each_within(0.5, [lambda: time.sleep(0.05)] * 20) == [None] * 20


def test_each_is_told_the_time_that_it_has_left():
    left = call_each_within(20, [time_left] * 3)
    assert all(15 < seconds <= 19 for seconds in left)


def test_all_are_made_in_one_thread_which_makes_the_next_call_too():
    threads = call_each_within(5, [threading.get_ident] * 3)
    assert {*threads, call_within(5, threading.get_ident)} == {threads[0]}
    assert threads[0] != threading.get_ident()


def test_a_thread_that_hangs_is_not_used_again():
    over = threading.Event()
    try:
        with pytest.raises(DeadlineExceededError):
            call_within(0.05, lambda: over.wait(60))
        assert call_within(10, lambda: "next") == "next"
    finally:
        over.set()


def test_the_thread_ends_with_the_one_that_it_worked_for():
    found = []

    def work():
        call_within(10, lambda: found.append(threading.current_thread()))

    caller = threading.Thread(target=work)
    caller.start()
    caller.join(10)
    found[0].join(10)
    assert not found[0].is_alive()


@pytest.mark.parametrize("wait", ["one", "each"])
def test_a_signal_that_ends_no_wait_is_acted_upon_at_once_all_the_same(wait):
    over, ended = threading.Event(), threading.Event()

    def interrupt():
        _thread.interrupt_main()  # as if it had arrived just before the wait for this call
        over.wait(5)
        ended.set()

    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            call_within(50, interrupt) if wait == "one" else call_each_within(50, [interrupt])
        assert not ended.is_set()
    finally:
        over.set()
        signal.signal(signal.SIGINT, usual)


def test_the_thread_of_a_call_that_failed_makes_the_next_one():
    before = call_within(5, threading.get_ident)
    with pytest.raises(ValueError, match="broken"):
        call_within(5, raiser)
    assert call_within(5, threading.get_ident) == before


def test_only_the_main_thread_must_look_for_signals_while_it_waits():
    assert next(slices(60)) < 1
    assert call_within(5, lambda: next(slices(60))) > 50
