"""The conversations that the client keeps on this machine, whoever started them.

There may be thousands of transcripts, some of many megabytes, so each is judged by its beginning and its end.
What is read there, like the rest in this package, is that of Claude Code 2.1.330: every record of a
conversation carries ``cwd``, ``gitBranch`` and ``timestamp``, and ``cwd`` follows the client's own ``cd``, so
that only the first one tells where the client was started.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from rouser import DiscoveredConversation, HookError, time_left
from rouser_claude_code import register, transcripts

_NAME: Final = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jsonl")
_HEAD: Final = 256 << 10  # far beyond where the first prompt stands, unless a session began with many commands
_LONGEST_LINE: Final = 4 << 20
_TAIL: Final = 16 << 10
_WORDS: Final = 120
_NO_BRANCH: Final = ("", "HEAD")  # no repository, and none checked out
_LEAST_SECONDS: Final = 0.3


@dataclass(frozen=True, slots=True)
class _Transcript:
    """A transcript as its directory shows it."""

    id: str
    path: str
    size: int
    written: datetime


@dataclass(frozen=True, slots=True)
class _Head:
    """What the beginning of a transcript tells; ``is_whole``: it was read to its end."""

    directory: str
    branch: str
    words: str
    is_whole: bool


def discover(home: Path, since: datetime | None = None) -> list[DiscoveredConversation]:
    """Return the conversations that hold a prompt, and those that a live process has open; newest first.

    :param home: the client's configuration directory.
    :param since: leave out what was not written to since then and is not open. None: nothing.
    :raises HookError: the transcripts cannot be read, or not in time.
    """
    holders = {process.conversation_id: process for process in register.live(home)}
    found = []
    wanted = [item for item in _transcripts(home) if since is None or item.written >= since or item.id in holders]
    for number, transcript in enumerate(sorted(wanted, key=lambda item: item.written, reverse=True)):
        if time_left() < _LEAST_SECONDS:
            raise HookError(f"only {number} of {len(wanted)} transcripts could be read in time; ask for --since 1d")
        conversation = _read(transcript, holders.pop(transcript.id, None))
        if conversation is not None:
            found.append(conversation)
    found += [_unwritten(holder) for holder in holders.values() if os.path.isabs(holder.directory)]  # noqa: PTH117
    return sorted(found, key=lambda item: item.last_activity, reverse=True)


def _transcripts(home: Path) -> list[_Transcript]:
    """Return what lies in ``projects``; of several files with one id the largest, as the client's stubs are small."""
    largest: dict[str, _Transcript] = {}
    for directory in _scan(home / "projects"):
        if not directory.is_dir():
            continue
        for entry in _scan(directory.path):
            name = _NAME.fullmatch(entry.name)
            if name is None:
                continue
            with suppress(FileNotFoundError):  # removed while we look
                status = entry.stat()
                other = largest.get(name[1])
                if other is None or other.size < status.st_size:
                    written = datetime.fromtimestamp(status.st_mtime, UTC)
                    largest[name[1]] = _Transcript(name[1], entry.path, status.st_size, written)
    return list(largest.values())


def _scan(directory: Path | str) -> list[os.DirEntry[str]]:
    try:
        return list(os.scandir(directory))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise transcripts.unreadable(Path(directory), error) from error


def _read(transcript: _Transcript, holder: register.LiveProcess | None) -> DiscoveredConversation | None:
    """Return what a transcript tells; None when there is nothing in it to go on with, or it cannot be read."""
    try:
        with open(transcript.path, "rb") as file:  # noqa: PTH123 - done thousands of times in a row
            head = _head(file)
            last = _last(file, transcript.size)
    except OSError:
        return None
    directory = head.directory or (holder.directory if holder else "")
    if not os.path.isabs(directory) or (head.is_whole and not head.words and holder is None):  # noqa: PTH117
        return None
    branch = str(last.get("gitBranch") or head.branch)
    return DiscoveredConversation(
        id=transcript.id,
        directory=Path(directory),
        branch=None if branch in _NO_BRANCH else branch,
        last_activity=_time_of(last) or transcript.written,
        first_words=head.words,
        pid=holder.pid if holder else None,
    )


def _unwritten(holder: register.LiveProcess) -> DiscoveredConversation:
    """Return a conversation that is open and has no transcript, as nothing was said in it yet."""
    return DiscoveredConversation(
        id=holder.conversation_id, directory=Path(holder.directory), last_activity=holder.since, pid=holder.pid
    )


def _head(file: BinaryIO) -> _Head:
    directory = branch = words = ""
    seen = 0
    while seen < _HEAD and not words:
        line = file.readline(_LONGEST_LINE)
        if not line:
            return _Head(directory, branch, words, is_whole=True)
        seen += len(line)
        if b'"cwd"' not in line:
            continue
        record = transcripts.parse(line) or {}
        if not directory and isinstance(record.get("cwd"), str):
            directory, branch = record["cwd"], str(record.get("gitBranch") or "")
        if record.get("type") == "user" and transcripts.is_typed(record):
            words = _shortened(transcripts.text_of(record) or "")
    return _Head(directory, branch, words, is_whole=False)


def _last(file: BinaryIO, size: int) -> dict[str, Any]:
    """Return the last whole record of the conversation in the end of a transcript; empty when there is none."""
    file.seek(max(0, size - _TAIL))
    for line in reversed(file.read(_TAIL).split(b"\n")):
        if b'"gitBranch"' in line:
            record = transcripts.parse(line)
            if record is not None and "gitBranch" in record:
                return record
    return {}


def _time_of(record: dict[str, Any]) -> datetime | None:
    try:
        moment = datetime.fromisoformat(record["timestamp"])
    except (KeyError, TypeError, ValueError):
        return None
    return moment if moment.tzinfo else None


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WORDS else f"{line[: _WORDS - 1]}…"
