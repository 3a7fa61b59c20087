"""The record of a session, as plugins get it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rouser import Session, SessionStatus


def spawned_session(**fields: Any) -> Session:
    """Return the record of a session that is being spawned at this moment; ``fields`` say what differs."""
    now = datetime.now(UTC)
    values: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "project_id": "shop",
        "status": SessionStatus.SPAWNING,
        "agent": "command",
        "runtime": "tmux",
        "workspace": "worktree",
        "repository": Path("/"),
        "branch": "main",
        "created_at": now,
        "updated_at": now,
        "agent_config": {},
        "runtime_config": {},
        "metadata": {},
    }
    return Session(**(values | fields))
