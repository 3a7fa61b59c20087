"""The client's records of conversations: where they are, and what stands in them.

A record is ``sessions/<year>/<month>/<day>/rollout-<time>-<id>.jsonl`` in the client's directory, one JSON value a
line. What is said of lines here was read from those of Codex 0.171.0:

- The first line, ``session_meta``, names the conversation, the directory, the branch and the kind of client.
- What a person said is an ``event_msg`` of the type ``item_completed`` whose item is a ``UserMessage``. A ``user``
  message among the ``response_item`` lines may also be something that the client adds.
- No file is there before the first prompt. A process that was killed may leave a torn last line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rouser import HookError

NAME: Final = re.compile(r"rollout-.*-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jsonl")

# A conversation that a person has in a terminal; others are a sub-agent's, a script's or an editor's.
_IN_TERMINAL: Final = "cli"

# The client writes JSON without blanks, and quotes inside of strings are escaped, so these bytes are in every line
# of the kind; finding them is many times cheaper than parsing the lines that are not wanted.
_SAID: Final = b'"type":"UserMessage"'

_LONGEST_HEAD: Final = 4 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """What the first line of a record tells.

    :ivar id: the conversation's id.
    :ivar directory: the absolute path of the directory that it began in.
    :ivar branch: the branch that was checked out there. None: none, or no repository.
    :ivar began: when it began, in UTC.
    :ivar is_in_terminal: whether a person had it in a terminal.
    """

    id: str
    directory: Path
    branch: str | None
    began: datetime
    is_in_terminal: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """Something that a person said, or that was passed to the client as the prompt."""

    text: str
    at: datetime


def locate(home: Path, conversation_id: str) -> Path | None:
    """Return the record of a conversation; None when there is none.

    :raises HookError: the records cannot be read, so that it is unknown.
    """
    return next((path for path in paths(home) if path.name.endswith(f"-{conversation_id}.jsonl")), None)


def paths(home: Path) -> Iterator[Path]:
    """Yield all records, in no order.

    :raises HookError: they cannot be read.
    """
    sessions = home / "sessions"
    try:
        if sessions.exists():
            list(sessions.iterdir())  # glob takes a directory that it may not read for an empty one
        yield from sessions.glob("*/*/*/rollout-*.jsonl")
    except OSError as error:
        raise unreadable(sessions, error) from error


def head(path: Path) -> Head | None:
    """Return what the first line tells; None when it is torn or none that is known.

    :raises HookError: the record cannot be read.
    """
    try:
        with path.open("rb") as file:
            line = file.readline(_LONGEST_HEAD)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, error) from error
    record = parse(line)
    meta = record.get("payload") if record is not None and record.get("type") == "session_meta" else None
    if not isinstance(meta, dict) or not isinstance(meta.get("id"), str) or not isinstance(meta.get("cwd"), str):
        return None
    git = meta.get("git")
    branch = git.get("branch") if isinstance(git, dict) else None
    return Head(
        id=meta["id"],
        directory=Path(meta["cwd"]),
        branch=branch if isinstance(branch, str) and branch else None,
        began=time_of(meta),
        is_in_terminal=meta.get("source") == _IN_TERMINAL,
    )


def said(path: Path, limit: int | None = None) -> Iterator[Said]:
    """Yield what was said, from the start, without holding more than one line in memory.

    :param limit: how many bytes to read, roughly: the line that crosses it is still read. None: all.
    :raises HookError: the record cannot be read.
    """
    seen = 0
    try:
        with path.open("rb") as lines:
            for line in lines:
                if _SAID in line:
                    found = _said(parse(line))
                    if found is not None:
                        yield found
                seen += len(line)
                if limit is not None and seen >= limit:
                    return
    except FileNotFoundError:
        return
    except OSError as error:
        raise unreadable(path, error) from error


def _said(record: dict[str, Any] | None) -> Said | None:
    payload = (record or {}).get("payload")
    item = payload.get("item") if isinstance(payload, dict) else None
    if record is None or not isinstance(item, dict) or item.get("type") != "UserMessage":
        return None
    content = item.get("content")
    blocks = [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
    text = "\n".join(str(block.get("text", "")) for block in blocks if block.get("type") == "text")
    return Said(text=text, at=time_of(record))


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
    return HookError(f"cannot read {path}: {error.strerror}; make it readable, or set config_dir")
