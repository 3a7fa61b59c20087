"""A directory of the client's, sessions for it, and live processes that look like it."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from support.sessions import spawned_session

from rouser import Session

_CLIENT = """\
#!{python}
import sys
print("up", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a directory of the client's and a state directory of its own."""
    monkeypatch.setenv("GEMINI_CLI_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("ROUSER_HOME", str(tmp_path / "rouser"))
    return tmp_path / "user" / ".gemini"


@pytest.fixture
def make_session(tmp_path: Path) -> Callable[..., Session]:
    """Return a function that makes a session, spawned just now, from any fields."""
    (tmp_path / "shop").mkdir()
    return partial(
        spawned_session,
        id=str(uuid.uuid4()),  # seen by tests in other processes
        agent="gemini",
        workspace_path=tmp_path / "shop",
        repository=tmp_path,
        branch="rouser/x",
        task="fix the flaky test",
    )


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Return a function that starts a process with the client's name and some arguments; it returns the pid."""
    program = tmp_path / "gemini"
    program.write_text(_CLIENT.format(python=sys.executable))
    program.chmod(0o755)
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, session_id: str = "") -> int:
        process = subprocess.Popen(
            [program, *arguments],
            env={"ROUSER_SESSION_ID": session_id, "PATH": "/usr/bin:/bin"},
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        return process.pid

    yield start
    for process in started:
        process.communicate("", timeout=30)
