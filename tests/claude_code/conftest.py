"""A configuration directory of the client's, with transcripts that a real one wrote, and sessions for it."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from support.sessions import spawned_session

from rouser import Session
from rouser_claude_code import evidence

# The id that all sample transcripts carry.
ID = "5b1e7a34-5a0c-4c52-9f0e-0d6f0a6f3c11"
DATA = Path(__file__).parent / "data"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a configuration directory and a state directory of its own."""
    path = tmp_path / "claude"
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(path))
    monkeypatch.setenv("ROUSER_HOME", str(tmp_path / "rouser"))
    return path


@pytest.fixture
def put_transcript(home: Path) -> Callable[..., Path]:
    """Return a function that puts a sample, or bytes, where the client would have its transcript."""

    def put(content: str | bytes, conversation_id: str = ID, directory: str = "-home-dev-shop") -> Path:
        path = home / "projects" / directory / f"{conversation_id}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            shutil.copyfile(DATA / f"{content}.jsonl", path)
        return path

    return put


@pytest.fixture
def make_session(tmp_path: Path) -> Callable[..., Session]:
    """Return a function that makes a session from its agent_config and any other fields."""

    def make(agent_config: dict[str, Any] | None = None, **fields: Any) -> Session:
        plain = {
            "id": ID,
            "agent": "claude-code",
            "repository": tmp_path,
            "branch": "rouser/x",
            "task": "fix the flaky test",
        }
        return spawned_session(**(plain | {"agent_config": agent_config or {}} | fields))

    return make


@pytest.fixture
def report(make_session: Callable[..., Session]) -> Callable[..., Path]:
    """Return a function that writes what the client's hook would write, ``at`` seconds after the last launch."""

    def write(kind: str, conversation_id: str, *, at: float = 1.0, **fields: Any) -> Path:
        session = make_session()
        directory = evidence.directory_of(session)
        if not directory.exists():
            evidence.begin(session, {})
        path = directory / f"{kind}-{uuid4().hex}.json"
        path.write_text(json.dumps({"session_id": conversation_id, **fields}))
        moment = evidence.settings_file(session).stat().st_mtime + at
        os.utime(path, (moment, moment))
        return path

    return write
