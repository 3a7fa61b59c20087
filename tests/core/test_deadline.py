"""The threads that make calls with a deadline."""

import sys
import threading

from support.waiting import eventually

from rouser.deadline import _Call, _Idle, _Worker


def test_a_worker_that_is_left_before_it_has_taken_its_call_makes_it_and_ends(monkeypatch):
    # As when Ctrl-C arrives at once after a call was given to it.
    said, called = [], threading.Event()
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    others = set(threading.enumerate())
    worker = _Worker()
    thread = (set(threading.enumerate()) - others).pop()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)  # nothing else is run until this waits
    try:
        worker.make(_Call(called.set, 5))
        _Idle(worker)
    finally:
        sys.setswitchinterval(interval)
    assert called.wait(30)
    eventually(lambda: not thread.is_alive())
    assert not said
