"""Records of sessions, as the host would hand them to a plugin."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rouser.models import Session, SessionStatus


def new_session(repository: Path, **fields: Any) -> Session:
    """Return the record of a session that is being spawned; ``fields`` say what differs."""
    now = datetime.now(UTC)
    plain = Session(
        id=str(uuid.uuid4()),
        project_id="kit",
        status=SessionStatus.SPAWNING,
        agent="agent",
        agent_config={},
        runtime="runtime",
        runtime_config={},
        workspace="workspace",
        repository=repository,
        branch="rouser/kit",
        task="prove that the plugin works",
        created_at=now,
        updated_at=now,
        metadata={},
    )
    return plain._replace(**fields)
