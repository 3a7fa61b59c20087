"""A database of the client's, sessions for it, and live processes that look like it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from opencode.records import Database
from support.clients import scripted_clients, sessions_of

from rouser import Session

_CLIENT = """\
import os, sys
database = os.environ.get("OPENCODE_DB")
file = open(database) if database else None
print("up", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a directory for the client's data and a state directory of its own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.delenv("OPENCODE_DB", raising=False)
    monkeypatch.setenv("ROUSER_HOME", str(tmp_path / "rouser"))
    return tmp_path / "share" / "opencode"


@pytest.fixture
def path(data: Path) -> Path:
    """Return where the client's database is, which is not there yet."""
    return data / "opencode.db"


@pytest.fixture
def kept(path: Path) -> Iterator[Database]:
    """Make the client's database, and hold it open as the client does."""
    path.parent.mkdir(parents=True)
    with Database(path) as made:
        yield made


@pytest.fixture
def make_session(tmp_path: Path) -> Callable[..., Session]:
    """Return a function that makes a session, spawned just now, from any fields."""
    return sessions_of("opencode", tmp_path)


@pytest.fixture
def client(tmp_path: Path, path: Path) -> Iterator[Callable[..., int]]:
    """Return a function that starts a process with the client's name and some arguments; it returns the pid."""
    with scripted_clients(tmp_path / "opencode", _CLIENT) as launch:

        def start(*arguments: str, session_id: str = "", is_up: bool = True) -> int:
            variables = {"ROUSER_SESSION_ID": session_id, **({"OPENCODE_DB": str(path)} if is_up else {})}
            return launch(tmp_path / "shop", *arguments, environment=variables)

        yield start
