"""What the client is doing: whether its process lives, and how its conversation ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from rouser import ActivityState, Session
from rouser_opencode import conversations, database, processes

IDLE_AFTER: Final = timedelta(minutes=5)

# After a start, the client may not have come far enough to be seen.
_STARTS_FOR: Final = timedelta(seconds=10)

# A busy client shows that it is, but on a busy machine a while after it has begun.
_SHOWS_WITHIN: Final = timedelta(seconds=20)

# The client goes on by itself after an answer that ends in one of these.
_GOES_ON: Final = frozenset({"tool-calls", "unknown"})
_STOPPED_BY_HAND: Final = "MessageAbortedError"


def detect(session: Session, path: Path, now: datetime | None = None) -> ActivityState | None:
    """Return what the client is doing with the session's conversation; None when it cannot be told.

    :param path: the client's database.
    :param now: the time that silence is measured against, in UTC; the present by default.
    :raises HookError: the database cannot be read.
    """
    if not processes.can_be_seen():
        return None
    now = now or datetime.now(UTC)
    kept = database.find(path, conversations.id_of(session))
    if kept is None:
        return None
    clients = processes.of_conversation(path, kept.id)
    found = database.last(path, kept.id)
    if not clients:
        has_run = found is not None and now - session.updated_at > _STARTS_FOR
        return ActivityState.EXITED if has_run else None
    up = [client for client in clients if client.is_up]
    if not up:
        return None
    done = None if found is None else _told_by(*found, up[0].started)
    if done is not None:
        return done
    return ActivityState.IDLE if found is not None and now - kept.written >= IDLE_AFTER else ActivityState.READY


def is_taking_in(session: Session, path: Path, now: datetime | None = None) -> bool:
    """Return whether the client has something to do that its screen may not show yet.

    What has been unfinished for longer without showing was given up, without a word in the database.

    :param path: the client's database.
    :param now: the present, in UTC.
    :raises HookError: the database cannot be read.
    """
    found = database.last(path, conversations.id_of(session))
    if found is None:
        return False
    message, began = found
    return _is_unfinished(message) and (now or datetime.now(UTC)) - began < _SHOWS_WITHIN


def _told_by(message: dict[str, Any], began: datetime, started: datetime | None) -> ActivityState | None:
    """Return what the last message says of a client that was started then; None when it says that all is done."""
    if started is not None and began < started:
        return None  # it is over, or was cut off
    if _is_unfinished(message):
        return ActivityState.ACTIVE
    error = message.get("error")
    return ActivityState.BLOCKED if error and error.get("name") != _STOPPED_BY_HAND else None


def _is_unfinished(message: dict[str, Any]) -> bool:
    if message.get("role") == "user":
        return True
    if message.get("error"):
        return False
    return "completed" not in message.get("time", {}) or message.get("finish") in _GOES_ON
