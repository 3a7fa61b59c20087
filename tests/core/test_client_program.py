"""What is said of an agent's program: that it is there, that it is not, or what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.waiting import wait_for
from support.world import running

from rouser import ClientProgram, HookError
from rouser.deadline import call_within

PROGRAM = ClientProgram("scribe", "scribe", "Scribe", records="logs", home_key="home")


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], str]:
    def write(body: str) -> str:
        path = tmp_path / "program"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return str(path)

    return write


def test_a_program_that_is_there_is_told_with_its_version(script, tmp_path):
    executable = script("echo 1.2.3; echo more")
    PROGRAM.require(executable)
    program, data = PROGRAM.diagnose(executable, tmp_path)
    assert (program.subject, program.ok, program.message) == ("scribe", True, f"{executable}, version 1.2.3")
    assert (data.subject, data.ok, data.message) == ("scribe data", True, f"{tmp_path} is readable")


def test_a_missing_program_is_refused_and_a_fault_where_it_is_used(tmp_path):
    with pytest.raises(HookError, match=r"no-such-program.*install Scribe.*\[plugins\.scribe\]"):
        PROGRAM.require("no-such-program")
    program, data = PROGRAM.diagnose("no-such-program", tmp_path / "nowhere")
    assert (program.ok, program.if_used) == (False, True)
    assert "install Scribe" in program.remedy
    assert data.ok


def test_a_program_that_fails_is_a_fault_whoever_uses_it(script, tmp_path):
    program = PROGRAM.diagnose(script("exit 3"), tmp_path)[0]
    assert (program.ok, program.if_used) == (False, False)
    assert "exit status 3" in program.message


def test_a_program_that_hangs_is_given_up_and_its_children_ended(script, tmp_path):
    pid_file = tmp_path / "pid"
    executable = script(f"sleep 600 & echo $! > {pid_file}; wait")
    program = call_within(2, lambda: PROGRAM.diagnose(executable, tmp_path)[0])
    assert "timed out" in program.message
    wait_for(lambda: not running(int(pid_file.read_text())), "the child is gone")


def test_data_that_cannot_be_read_is_a_fault(script, tmp_path, monkeypatch):
    (tmp_path / "logs").mkdir()
    monkeypatch.setattr("rouser.client_program._is_readable", lambda path: path.name != "logs")
    data = PROGRAM.diagnose(script("echo 1"), tmp_path)[1]
    assert not data.ok
    assert "set home in [plugins.scribe]" in data.remedy
