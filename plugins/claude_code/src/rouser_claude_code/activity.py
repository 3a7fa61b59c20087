"""What the client is doing: by its register of live processes, else by the end of the transcript."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from rouser import ActivityState, Session
from rouser_claude_code import conversations, evidence, register, transcripts

IDLE_AFTER: Final = timedelta(minutes=5)

# A tool that runs, and a dialog that asks whether it may, look the same in a transcript. For this long the
# tool is the better guess; after that, nothing is claimed.
BUSY_FOR: Final = timedelta(minutes=10)

_FIRST_TAIL: Final = 64 << 10
_LONGEST_TAIL: Final = 4 << 20
_QUESTIONS: Final = ("AskUserQuestion", "ExitPlanMode")


def detect(session: Session, home: Path, now: datetime | None = None) -> ActivityState | None:
    """Return what the client is doing with the session's conversation; None when it cannot be told.

    :param home: the client's configuration directory.
    :param now: the time that silence is measured against, in UTC; the present by default.
    :raises HookError: the transcripts cannot be read.
    """
    now = now or datetime.now(UTC)
    conversation_id = conversations.current_id(session, home)
    process = register.find(home, conversation_id)
    if process is not None and process.status == "busy":
        return ActivityState.ACTIVE
    if process is not None and process.status == "waiting":
        return ActivityState.WAITING_INPUT
    path = transcripts.locate(home, conversation_id)
    if process is not None and process.status == "idle":
        # An idle client may have stopped at an error, which only the transcript tells.
        if path is not None and _read(path, now) is ActivityState.BLOCKED:
            return ActivityState.BLOCKED
        return _at_rest(now - process.since)
    if process is None and _has_ended(session, home, conversation_id):
        return ActivityState.EXITED
    return None if path is None else _read(path, now)


def _has_ended(session: Session, home: Path, conversation_id: str) -> bool:
    """Return whether the last client of the session said that it ends, or was killed."""
    launched = evidence.launched_at(session)
    started, ended = evidence.newest(session, "start"), evidence.newest(session, "end")
    if ended is not None and ended.fields.get("reason") != "clear" and (started is None or ended.at >= started.at):
        return True
    return register.died_since(home, conversation_id, launched)


def _read(path: Path, now: datetime) -> ActivityState | None:
    record, silence = _last_record(path, now)
    if record is None:
        return None
    if record.get("isApiErrorMessage"):
        return ActivityState.BLOCKED
    if _tool_names(record) & {*_QUESTIONS}:
        return ActivityState.WAITING_INPUT
    if _ends_turn(record):
        return _at_rest(silence)
    return ActivityState.ACTIVE if silence < BUSY_FOR else None


def _at_rest(silence: timedelta) -> ActivityState:
    return ActivityState.IDLE if silence >= IDLE_AFTER else ActivityState.READY


def _ends_turn(record: dict[str, Any]) -> bool:
    if record["type"] == "assistant":
        return _message(record).get("stop_reason") not in (None, "tool_use", "pause_turn")
    if record["type"] == "user":
        return transcripts.is_for_the_client(record)
    return record.get("subtype") != "api_error"  # written before each new attempt


def _tool_names(record: dict[str, Any]) -> set[object]:
    content = _message(record).get("content")
    blocks = content if isinstance(content, list) else []
    return {block.get("name") for block in blocks if isinstance(block, dict) and block.get("type") == "tool_use"}


def _message(record: dict[str, Any]) -> dict[str, Any]:
    message = record.get("message")
    return message if isinstance(message, dict) else {}


def _last_record(path: Path, now: datetime) -> tuple[dict[str, Any] | None, timedelta]:
    """Return the last record of the main conversation, and for how long the file has been silent."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            tail = _FIRST_TAIL
            while True:
                file.seek(max(0, size - tail))
                record = _last_of(file.read(tail), is_whole=tail >= size)
                if record is not None or tail >= min(size, _LONGEST_TAIL):
                    return record, now - written
                tail *= 8
    except FileNotFoundError:
        return None, timedelta()
    except OSError as error:
        raise transcripts.unreadable(path, error) from error


def _last_of(data: bytes, *, is_whole: bool) -> dict[str, Any] | None:
    lines = data.split(b"\n")
    for line in reversed(lines if is_whole else lines[1:]):
        record = transcripts.parse(line)
        if record is not None and record.get("type") in transcripts.CONVERSATION and not record.get("isSidechain"):
            return record
    return None
