"""Sessions for the tests of the command plugin."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rouser import Session, SessionStatus

MakeSession = Callable[..., Session]
ID = "5b1e7a34-5a0c-4c52-9f0e-0d6f0a6f3c11"


@pytest.fixture
def make_session(tmp_path: Path) -> MakeSession:
    """Return a function that makes a session from its agent_config and any other fields."""

    def make(agent_config: dict[str, Any], **fields: Any) -> Session:
        now = datetime.now(UTC)
        values: dict[str, Any] = {
            "id": ID,
            "project_id": "shop",
            "status": SessionStatus.SPAWNING,
            "agent": "command",
            "agent_config": agent_config,
            "runtime": "tmux",
            "workspace": "worktree",
            "repository": tmp_path,
            "branch": "rouser/x",
            "task": "fix the flaky test",
            "created_at": now,
            "updated_at": now,
        }
        return Session(**(values | fields))

    return make
