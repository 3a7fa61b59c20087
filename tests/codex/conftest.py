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

# A script's process has the script's name, as the client's has the client's.
_CLIENT = """\
#!{python}
import pathlib, subprocess, sys
files = [open(path, "a") for path in sys.argv[2:]]
child = subprocess.Popen(["sleep", "60"]) if sys.argv[1] == "child" else None
print("up", flush=True)
sys.stdin.read()
if child:
    child.kill()
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a directory of the client's and a state directory of its own."""
    path = tmp_path / "codex-home"
    monkeypatch.setenv("CODEX_HOME", str(path))
    monkeypatch.setenv("ROUSER_HOME", str(tmp_path / "rouser"))
    return path


@pytest.fixture
def make_session(tmp_path: Path) -> Callable[..., Session]:
    """Return a function that makes a session, spawned just now, from any fields."""
    (tmp_path / "shop").mkdir()
    return partial(
        spawned_session,
        id=str(uuid.uuid4()),  # seen by tests in other processes
        agent="codex",
        workspace_path=tmp_path / "shop",
        repository=tmp_path,
        branch="rouser/x",
        task="fix the flaky test",
    )


@pytest.fixture
def client(home: Path, tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Return a function that starts a process which has conversations open for a session; it returns the pid."""
    program = tmp_path / "codex"
    program.write_text(_CLIENT.format(python=sys.executable))
    program.chmod(0o755)
    locks = home / "thread-writer-locks"
    locks.mkdir(parents=True)
    started: list[subprocess.Popen[str]] = []

    def start(session_id: str, *conversations: str, child: bool = False) -> int:
        process = subprocess.Popen(
            [program, "child" if child else "alone", *(str(locks / f"{item}.lock") for item in conversations)],
            env={"ROUSER_SESSION_ID": session_id, "PATH": "/usr/bin:/bin"} if session_id else {"PATH": "/usr/bin:/bin"},
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
