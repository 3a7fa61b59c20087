"""One thing for many, several at a time: in order, each failure by itself."""

import threading

import pytest

from rouser import SessionNotFoundError
from rouser.cli.batch import for_each
from rouser.cli.threads import in_threads


def test_several_are_done_at_a_time_and_no_more_than_allowed():
    together = threading.Barrier(3)
    running, most, guard = 0, 0, threading.Lock()

    def action(text):
        nonlocal running, most
        with guard:
            running += 1
            most = max(most, running)
        together.wait(10)
        with guard:
            running -= 1
        return text

    assert [result() for _, result in in_threads("abcdef", action, 3)] == list("abcdef")
    assert most == 3


def test_results_come_in_the_order_given_whichever_is_done_first():
    last_is_done = threading.Event()

    def action(text):
        if text == "c":
            last_is_done.set()
        assert last_is_done.wait(10)
        return text.upper()

    assert [(text, result()) for text, result in in_threads("abc", action, 3)] == [("a", "A"), ("b", "B"), ("c", "C")]


def test_a_failure_is_raised_for_the_one_that_failed_alone():
    def action(text):
        if text == "b":
            raise SessionNotFoundError(text)
        return text

    found = dict(in_threads("abc", action, 2))
    assert (found["a"](), found["c"]()) == ("a", "c")
    with pytest.raises(SessionNotFoundError):
        found["b"]()


def test_a_batch_reports_failures_and_goes_on(capsys):
    def action(text):
        raise SessionNotFoundError(f"no session matches {text}")

    code = for_each(["x", "y", "x"], action, done="killed", as_json=False, jobs=4)
    assert code == 17
    assert capsys.readouterr().err.splitlines() == ["error: no session matches x", "error: no session matches y"]
