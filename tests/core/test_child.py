"""Waiting for child processes."""

import os
import subprocess
import sys
import time

import pytest

from rouser import ChildProcess


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell when a process ends")
def test_a_wait_ends_with_the_process_and_looks_no_more_often(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_seconds: float) -> None:
        raise AssertionError("it polls")

    monkeypatch.setattr(time, "sleep", never)
    with ChildProcess(["sleep", "0.05"]) as process:
        assert process.wait(30) == 0


def test_a_wait_that_takes_too_long_says_so_and_may_be_repeated() -> None:
    with ChildProcess(["cat"], stdin=subprocess.PIPE) as process:
        begun = time.monotonic()
        with pytest.raises(subprocess.TimeoutExpired, match="timed out after 2 seconds"):
            process.wait(2)
        assert 2 <= time.monotonic() - begun < 4
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == 0
        assert process.wait(30) == 0


def test_a_wait_goes_on_while_a_tracer_keeps_the_status_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    real, kept = os.waitpid, iter(range(3))

    def waitpid(pid: int, options: int) -> tuple[int, int]:
        return (0, 0) if next(kept, None) is not None else real(pid, options)

    with ChildProcess(["true"]) as process:
        monkeypatch.setattr(os, "waitpid", waitpid)
        assert process.wait(30) == 0
    assert next(kept, None) is None
