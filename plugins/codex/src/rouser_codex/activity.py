"""What the client is doing: whether its process lives, and how its record ends."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from rouser import ActivityState, Session
from rouser_codex import conversations, processes, rollouts

IDLE_AFTER: Final = timedelta(minutes=5)

# After a start, the client may not have come far enough to be seen.
_STARTS_FOR: Final = timedelta(seconds=10)

_FIRST_TAIL: Final = 64 << 10
_LONGEST_TAIL: Final = 4 << 20


def detect(session: Session, home: Path, now: datetime | None = None) -> ActivityState | None:
    """Return what the client is doing with the session's conversation; None when it cannot be told.

    :param home: the client's directory.
    :param now: the time that silence is measured against, in UTC; the present by default.
    :raises HookError: the records cannot be read.
    """
    if not processes.can_be_seen():
        return None
    now = now or datetime.now(UTC)
    conversation = conversations.find(session, home)
    client = processes.of_session(home, session.id)
    if client is None and conversation is not None:
        client = processes.holder(home, conversation.id)
    path = None if conversation is None else rollouts.locate(home, conversation.id)
    if client is None:
        has_run = path is not None and now - session.updated_at > _STARTS_FOR
        return ActivityState.EXITED if has_run else None
    if path is not None:
        return _read(path, client, now)
    return ActivityState.READY if client.open else None


def _read(path: Path, client: processes.Client, now: datetime) -> ActivityState | None:
    turn = _last_turn(path)
    if not turn:
        return None
    last = turn[0]
    if last["type"] == "task_started" and not _was_cut_off(last, client):
        asked = _unanswered(turn)
        if "request_user_input" in asked or ("require_escalated" in asked and not client.has_children):
            return ActivityState.WAITING_INPUT
        return ActivityState.ACTIVE
    if last.get("error"):
        return ActivityState.BLOCKED
    silence = now - datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return ActivityState.IDLE if silence >= IDLE_AFTER else ActivityState.READY


def _was_cut_off(turn: dict[str, Any], client: processes.Client) -> bool:
    """Return whether a turn began in an earlier process, which the client does not note when it resumes."""
    started = client.started
    return started is not None and rollouts.time_of(turn) < started


def _unanswered(turn: list[dict[str, Any]]) -> str:
    """Return, as JSON, the tool calls of a turn that have no result yet."""
    answered = {item.get("call_id") for item in turn if str(item["type"]).endswith("_output")}
    calls = [item for item in turn if item["type"] == "function_call" and item.get("call_id") not in answered]
    return json.dumps(calls)


def _last_turn(path: Path) -> list[dict[str, Any]]:
    """Return the last mark of a turn's beginning or end, and what follows on it, as far back as is reasonable."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        tail = _FIRST_TAIL
        while True:
            file.seek(max(0, size - tail))
            found = _turn_in(file.read(tail), is_whole=tail >= size)
            if found or tail >= min(size, _LONGEST_TAIL):
                return found
            tail *= 8


def _turn_in(data: bytes, *, is_whole: bool) -> list[dict[str, Any]]:
    lines = data.split(b"\n")
    after: list[dict[str, Any]] = []
    for line in reversed(lines if is_whole else lines[1:]):
        record = rollouts.parse(line) or {}
        payload = record.get("payload")
        if not isinstance(payload, dict) or "type" not in payload:
            continue
        if payload["type"] in {"task_started", "task_complete", "turn_aborted"}:
            return [payload | {"timestamp": record.get("timestamp")}, *after]
        after.append(payload)
    return []
