"""A directory of the client's, sessions for it, and live processes that look like it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.clients import scripted_clients, sessions_of

from rouser import Session

_CLIENT = """\
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
    return sessions_of("codex", tmp_path)


@pytest.fixture
def client(home: Path, tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Return a function that starts a process which has conversations open for a session; it returns the pid."""
    locks = home / "thread-writer-locks"
    locks.mkdir(parents=True)
    with scripted_clients(tmp_path / "codex", _CLIENT) as launch:

        def start(session_id: str, *conversations: str, child: bool = False) -> int:
            paths = [str(locks / f"{conversation}.lock") for conversation in conversations]
            variables = {"ROUSER_SESSION_ID": session_id} if session_id else {}
            variables["PATH"] = "/usr/bin:/bin"
            return launch(tmp_path, "child" if child else "alone", *paths, environment=variables)

        yield start
