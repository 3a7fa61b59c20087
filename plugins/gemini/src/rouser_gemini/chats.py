"""The client's records of conversations: where they are, and what stands in them.

A record is ``tmp/<project>/chats/session-<time>-<first 8 characters of the id>.jsonl`` in the client's directory, one
JSON value a line; the file ``.project_root`` beside ``chats`` names the directory. What is said of lines here was read
from those of Gemini CLI 0.61.0:

- The first line names the conversation. A line of the type ``user`` is what a person said, one of the type ``gemini``
  an answer; a line ``$set`` changes something about the record, and holds what the client adds by itself.
- The client begins a record when it starts, also another one for a conversation that it resumes, and goes on in the
  old one. A process that was killed may leave a record in which nothing was said: a stub.
- Records are named by the minute. A client that resumes a conversation within the minute in which its record was begun
  begins the new one at the end of the old one, with messages that take the place of all before; when it ends before
  it has written the old ones again, the client no longer resumes the conversation.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rouser import HookError

_LONGEST_HEAD: Final = 1 << 20
_SAID: Final = b'"type":"user"'
_TAIL: Final = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Chat:
    """A record of a conversation, by its first line.

    :ivar id: the conversation's id.
    :ivar path: the record.
    :ivar directory: the directory that it belongs to; None when the client does not say.
    """

    id: str
    path: Path
    directory: Path | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """Something that a person said, or that was passed to the client as the prompt."""

    text: str
    at: datetime


def of_conversation(home: Path, conversation_id: str) -> list[Chat]:
    """Return the records of a conversation, in whatever directory it ran.

    :raises HookError: the records cannot be read, so that it is unknown.
    """
    paths = _paths(home, f"session-*-{conversation_id[:8]}.jsonl")
    return [chat for chat in map(read, paths) if chat is not None and chat.id == conversation_id]


def every(home: Path) -> Iterator[Path]:
    """Yield all records, in no order.

    :raises HookError: they cannot be read.
    """
    return _paths(home, "session-*.jsonl")


def _paths(home: Path, pattern: str) -> Iterator[Path]:
    projects = home / "tmp"
    try:
        if projects.exists():
            list(projects.iterdir())  # glob takes a directory that it may not read for an empty one
        yield from projects.glob(f"*/chats/{pattern}")
    except OSError as error:
        raise unreadable(projects, error) from error


def read(path: Path) -> Chat | None:
    """Return a record by its first line; None when that is torn, or another kind of conversation.

    :raises HookError: the record cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = parse(file.readline(_LONGEST_HEAD)) or {}
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, error) from error
    if not isinstance(head.get("sessionId"), str) or head.get("kind", "main") != "main":
        return None
    return Chat(id=head["sessionId"], path=path, directory=_root_of(path))


def _root_of(path: Path) -> Path | None:
    try:
        root = Path((path.parent.parent / ".project_root").read_text().strip())
    except (OSError, ValueError):
        return None
    return root if root.is_absolute() else None


def said(path: Path, limit: int | None = None) -> Iterator[Said]:
    """Yield what was said, from the start, without holding more than one line in memory.

    :param limit: how many bytes to read, roughly: the line that crosses it is still read. None: all.
    :raises HookError: the record cannot be read.
    """
    seen = 0
    try:
        with path.open("rb") as lines:
            for line in lines:
                record = parse(line) if _SAID in line else None
                if record is not None and record.get("type") == "user":
                    yield Said(text=text_of(record), at=time_of(record))
                seen += len(line)
                if limit is not None and seen >= limit:
                    return
    except FileNotFoundError:
        return
    except OSError as error:
        raise unreadable(path, error) from error


def cut_empty_restart(path: Path) -> None:
    """Move what begins a record anew at the end of another, and in which nothing was said, into a file beside it.

    Only for a record that no client has open.

    :raises HookError: it cannot be read, or not be cut.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = max(0, size - _TAIL)
            file.seek(start)
            cut = _empty_restart(file.read(size - start), is_whole=start == 0)
        if not cut:
            return
        path.with_name(f"{path.name}.cut-{time.time_ns()}").write_bytes(cut)
        os.truncate(path, size - len(cut))
    except OSError as error:
        raise HookError(f"cannot mend {path}: {error.strerror}; make it writable") from error


def _empty_restart(end: bytes, *, is_whole: bool) -> bytes:
    """Return what of the end of a record begins it anew without words; empty when nothing does.

    :param is_whole: whether it is all of the record, so that its first line is the one that begins it.
    """
    found = b""
    seen = b""
    for line in reversed(end.splitlines(keepends=True)[1 if is_whole else 0 :]):
        record = parse(line)
        if record is None and line.endswith(b"\n"):
            break
        seen = line + seen
        if record is None:  # torn
            continue
        if "sessionId" in record:
            found = seen
        elif not isinstance(update := record.get("$set"), dict) or len(update.get("messages") or ()) > 1:
            break
    return found if b'"messages"' in found else b""


def text_of(record: dict[str, Any]) -> str:
    """Return the text of a line, its parts put together."""
    content = record.get("content")
    parts = content if isinstance(content, list) else [content]
    return "".join(str(part.get("text", "")) if isinstance(part, dict) else str(part or "") for part in parts)


def parse(line: bytes) -> dict[str, Any] | None:
    """Return the value in a line; None for a torn line, or one that is no object."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def time_of(record: dict[str, Any]) -> datetime:
    """Return when a line was written, in UTC; long ago when it does not say."""
    try:
        moment = datetime.fromisoformat(record["timestamp"])
    except (KeyError, TypeError, ValueError):
        return datetime.fromtimestamp(0, UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def unreadable(path: Path, error: OSError) -> HookError:
    """Return the error for something of the client's that cannot be read."""
    return HookError(f"cannot read {path}: {error.strerror}; make it readable, or set home")
