"""The client's register of its live processes: ``sessions/<pid>.json`` in its configuration directory.

Undocumented, read from Claude Code 2.1.330: better evidence than a transcript while it is there, never the only
one. A process that was killed leaves its entry behind, so that one counts only while the process that wrote it
lives, known by its start time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveProcess:
    """A process of the client that is alive.

    :ivar pid: its process id.
    :ivar status: ``idle``, ``busy``, ``waiting``, or whatever else a later client says.
    :ivar since: when it got into this status, in UTC.
    """

    pid: int
    status: str
    since: datetime


def find(home: Path, conversation_id: str) -> LiveProcess | None:
    """Return the live process that holds the conversation; None when none is registered."""
    for entry in _entries(home):
        if entry.get("sessionId") == conversation_id:
            process = _alive(entry)
            if process is not None:
                return process
    return None


def start_time(pid: int) -> str | None:
    """Return when a process was started, in the kernel's clock ticks since boot; None when it cannot be told.

    Field 22 of ``/proc/<pid>/stat`` (proc_pid_stat(5)), which is what the client registers on Linux.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The second field is the program's name in parentheses, which may hold blanks and parentheses itself.
    return stat.rpartition(")")[2].split()[19]


def _entries(home: Path) -> Iterator[dict[str, Any]]:
    try:
        paths = list((home / "sessions").glob("*.json"))
    except OSError:
        return
    for path in paths:
        try:
            entry = json.loads(path.read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(entry, dict):
            yield entry


def _alive(entry: dict[str, Any]) -> LiveProcess | None:
    pid, started, status, since = (entry.get(key) for key in ("pid", "procStart", "status", "statusUpdatedAt"))
    if not isinstance(pid, int) or not isinstance(started, str) or start_time(pid) != started:
        return None
    if not isinstance(status, str) or not isinstance(since, int | float):
        return None
    return LiveProcess(pid=pid, status=status, since=datetime.fromtimestamp(since / 1000, UTC))
