"""The client's transcripts: where they are, and which of their records are prompts.

A transcript is ``projects/<encoded directory>/<id>.jsonl`` under the client's configuration directory, one
JSON record a line. What is said of records here was read from transcripts of Claude Code 2.1.330:

- A conversation is made of ``user``, ``assistant`` and ``system`` records; all other types are metadata.
- The client resumes a transcript that holds at least one of those, and refuses one with metadata only.
- ``user`` is also the type of tool results, of the output of slash and shell commands, of summaries, and of the
  mark of an interruption.
- A process that was killed may leave a torn last line, which the client passes over.
"""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rouser import HookError

CONVERSATION: Final = ("user", "assistant", "system")

# The client writes JSON without blanks, and quotes inside of strings are escaped, so these bytes are in every
# record of the type; finding them is many times cheaper than parsing the records that are not wanted.
_MARKS: Final = {kind: f'"type":"{kind}"'.encode() for kind in CONVERSATION}

_PASTED: Final = re.compile(r"\A\s*<pasted_content id=\"\w+\">\n(.*)\n</pasted_content id=\"\w+\">\s*\Z", re.DOTALL)

_FOR_THE_CLIENT: Final = ("<command-", "<local-command-", "<bash-", "[Request interrupted by user")


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """What a transcript holds, as far as it was read.

    :ivar is_conversation: whether the client can resume it.
    :ivar turns: how many prompts of a person were found.
    :ivar is_complete: whether the whole file was read.
    """

    is_conversation: bool
    turns: int
    is_complete: bool


def locate(home: Path, conversation_id: str) -> Path | None:
    """Return the transcript of a conversation; None when there is none.

    The name of the directory between is a lossy encoding of the path that the client ran in, so all are looked
    into. Should several hold the id, the largest file counts: an early stub must not hide a conversation.

    :raises HookError: the directories cannot be read, so that it is unknown.
    """
    projects = home / "projects"
    found: list[tuple[int, Path]] = []
    try:
        directories = [entry.path for entry in os.scandir(projects) if entry.is_dir()]
        for directory in directories:
            path = Path(directory, f"{conversation_id}.jsonl")
            try:
                found.append((path.stat().st_size, path))
            except FileNotFoundError:
                continue
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(projects, error) from error
    return max(found)[1] if found else None


def is_conversation(path: Path) -> bool:
    """Return whether the client can resume the transcript.

    :raises HookError: it cannot be read.
    """
    return next(records(path, CONVERSATION), None) is not None


def summarize(path: Path, limit: int) -> Summary:
    """Count the prompts in the first ``limit`` bytes.

    :raises HookError: the transcript cannot be read.
    """
    resumable = is_conversation(path)
    turns = sum(1 for record in records(path, ("user",), limit) if is_typed(record)) if resumable else 0
    return Summary(is_conversation=resumable, turns=turns, is_complete=path.stat().st_size <= limit)


def records(path: Path, kinds: Collection[str], limit: int | None = None) -> Iterator[dict[str, Any]]:
    """Yield the records of some types, from the start, without holding more than one in memory.

    :param kinds: of ``user``, ``assistant`` and ``system``.
    :param limit: how many bytes to read, roughly: the record that crosses it is still read. None: all.
    :raises HookError: the transcript cannot be read.
    """
    marks = [_MARKS[kind] for kind in kinds]
    seen = 0
    try:
        with path.open("rb") as lines:
            for line in lines:
                if any(mark in line for mark in marks):
                    record = parse(line)
                    if record is not None and record.get("type") in kinds:
                        yield record
                seen += len(line)
                if limit is not None and seen >= limit:
                    return
    except OSError as error:
        raise unreadable(path, error) from error


def parse(line: bytes) -> dict[str, Any] | None:
    """Return the record in a line; None for a torn line, or one that is no record."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def text_of(record: dict[str, Any]) -> str | None:
    """Return the text that a ``user`` record brings to the model; None when it is a tool's result."""
    message = record.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    blocks = [block for block in content if isinstance(block, dict)]
    if any(block.get("type") == "tool_result" for block in blocks):
        return None
    return "\n".join(str(block.get("text", "")) for block in blocks if block.get("type") == "text")


def time_of(record: dict[str, Any]) -> datetime:
    """Return when a record was made, in UTC; long ago when it does not say."""
    try:
        return datetime.fromisoformat(record["timestamp"])
    except (KeyError, TypeError, ValueError):
        return datetime.fromtimestamp(0, UTC)


def newest_in(home: Path, directory: Path) -> Path | None:
    """Return the conversation that was last written to of those that ran in ``directory``; None when there is none.

    :raises HookError: the transcripts cannot be read.
    """
    try:
        paths = sorted((home / "projects").glob("*/*.jsonl"), key=lambda path: path.stat().st_mtime, reverse=True)
    except OSError as error:
        raise unreadable(home / "projects", error) from error
    for path in paths:
        first = next(records(path, CONVERSATION), None)
        if first is not None and first.get("cwd") == str(directory):
            return path
    return None


def is_said(record: dict[str, Any]) -> bool:
    """Return whether a ``user`` record of the main conversation was not made up by the client."""
    made_up = ("isMeta", "isSidechain", "isCompactSummary")
    return text_of(record) is not None and not any(record.get(key) for key in made_up)


def is_typed(record: dict[str, Any]) -> bool:
    """Return whether a ``user`` record is a prompt of a person, and no command or interruption."""
    return is_said(record) and not is_for_the_client(record)


def is_for_the_client(record: dict[str, Any]) -> bool:
    """Return whether a ``user`` record is a command to the client, its output, or an interruption.

    None of them sets the model to work.
    """
    return (text_of(record) or "").startswith(_FOR_THE_CLIENT)


def is_same_text(one: str, other: str) -> bool:
    r"""Return whether two texts look the same.

    The client takes invisible characters out of the prompt on its command line, turns ``\r\n`` into ``\n``, cuts
    blanks off the end of what is typed, and marks what was pasted and is long, so its record of a prompt need not
    be the same string.
    """
    return one == other or _visible(one) == _visible(_PASTED.sub(r"\1", other))


def _visible(text: str) -> str:
    kept = (c for c in text if c in "\n\t" or (unicodedata.category(c)[0] != "C" and c != "\ufffd"))
    return "".join(kept).strip()


def unreadable(path: Path, error: OSError) -> HookError:
    """Return the error for something of the client's that cannot be read."""
    return HookError(f"cannot read {path}: {error.strerror}; make it readable, or set config_dir")
