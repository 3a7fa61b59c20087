"""Waiting for child processes, and running programs to their end."""

import os
import signal
import subprocess
import sys
import time

import pytest
from support.waiting import wait_for

from rouser import ChildProcess, run_program
from rouser.child import Finished

ENVIRONMENT = {"PATH": os.environ["PATH"], "GREETING": "hello"}


def run(*command: str, seconds: float = 30, stdin: bytes = b"") -> Finished:
    return run_program(command, seconds=seconds, environment=ENVIRONMENT, stdin=stdin)


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


def test_a_program_is_told_and_tells_everything() -> None:
    text = b"\x00\xff" * 500_000
    done = run("sh", "-c", "cat; pwd >&2; echo $GREETING $USER >&2; exit 3", stdin=text)
    assert done == (3, text, b"/\nhello\n")


def test_without_words_for_it_a_program_reads_nothing() -> None:
    assert run("cat") == (0, b"", b"")


def test_a_program_is_out_of_reach_of_the_terminals_signals() -> None:
    sid = int(run("sh", "-c", "ps -o sid= -p $$").output)
    assert sid != os.getsid(0)


def test_a_program_that_takes_too_long_is_killed(tmp_path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run("sh", "-c", f"echo $$ >{tmp_path}/pid; exec sleep 1000", seconds=0.5)
    pid = int(wait_for(lambda: (tmp_path / "pid").read_text().strip(), "it has begun"))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def test_a_program_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        run("no-such-program")
