"""A directory of the client's, sessions for it, and live processes that look like it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.clients import scripted_clients, sessions_of

from rouser import Session

_CLIENT = """\
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
    return sessions_of("gemini", tmp_path)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Return a function that starts a process with the client's name and some arguments; it returns the pid."""
    with scripted_clients(tmp_path / "gemini", _CLIENT) as launch:

        def start(*arguments: str, session_id: str = "") -> int:
            variables = {"ROUSER_SESSION_ID": session_id, "PATH": "/usr/bin:/bin"}
            return launch(tmp_path, *arguments, environment=variables)

        yield start
