"""What the client is doing: whether its process lives, and how its record ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from rouser import ActivityState, Session
from rouser_gemini import chats, conversations, processes

IDLE_AFTER: Final = timedelta(minutes=5)

# After a start, the client may not have come far enough to be seen.
_STARTS_FOR: Final = timedelta(seconds=10)

_TAIL: Final = 4 << 20


def detect(session: Session, home: Path, now: datetime | None = None) -> ActivityState | None:
    """Return what the client is doing with the session's conversation; None when it cannot be told.

    :param home: the client's directory.
    :param now: the time that silence is measured against, in UTC; the present by default.
    :raises HookError: the records cannot be read.
    """
    if not processes.can_be_seen():
        return None
    now = now or datetime.now(UTC)
    path = conversations.record_of(session, home)
    client = processes.holder(conversations.id_of(session))
    if client is None:
        has_run = path is not None and now - session.updated_at > _STARTS_FOR
        return ActivityState.EXITED if has_run else None
    last = None if path is None else _last(path)
    if path is None or last is None:
        return None
    started = client.started
    was_cut_off = started is not None and chats.time_of(last) < started
    if not was_cut_off and (last["type"] == "user" or last.get("toolCalls")):
        return ActivityState.ACTIVE
    silence = now - datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return ActivityState.IDLE if silence >= IDLE_AFTER else ActivityState.READY


def _last(path: Path) -> dict[str, Any] | None:
    """Return the last thing that was said by either side; None when there is none near the end."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL))
        lines = file.read(_TAIL).split(b"\n")
    for line in reversed(lines):
        record = chats.parse(line)
        if record is not None and record.get("type") in {"user", "gemini"}:
            return record
    return None
