"""The client's live processes, and the conversations that they have open.

A process holds ``thread-writer-locks/<id>.lock`` in the client's directory open for each of its conversations, from
their first moment on (seen with Codex 0.171.0). Which process rouser started for a session stands in its environment.
Both are read from ``/proc``: where there is none, no process is found.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_LOCK: Final = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.lock")
_PROGRAM: Final = "codex"
# What is raised for processes that ended meanwhile, or are another user's. After anything else it is not known.
_NOT_OURS: Final = (FileNotFoundError, ProcessLookupError, PermissionError)


@dataclass(frozen=True, kw_only=True, slots=True)
class Client:
    """A live process of the client.

    :ivar pid: its process id.
    :ivar session_id: the session that rouser started it for; empty for one that somebody else started.
    :ivar open: the conversations that it has open, the oldest first: their ids begin with the time.
    """

    pid: int
    session_id: str
    open: tuple[str, ...]

    @property
    def directory(self) -> Path | None:
        """Where it runs; None when it has ended."""
        with suppress(*_NOT_OURS):
            return Path(f"/proc/{self.pid}/cwd").readlink()
        return None

    @property
    def started(self) -> datetime | None:
        """When it was started, in UTC; None when it has ended. Field 22 of its ``stat``, see proc_pid_stat(5)."""
        with suppress(*_NOT_OURS):
            ticks = int(Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[19])
            age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
            return datetime.fromtimestamp(time.time() - age, UTC)
        return None

    @property
    def has_children(self) -> bool:
        """Whether it has started something that still runs."""
        with suppress(*_NOT_OURS):
            return any(path.read_text().strip() for path in Path(f"/proc/{self.pid}/task").glob("*/children"))
        return False


def can_be_seen() -> bool:
    """Return whether this system tells which processes run."""
    return Path("/proc/self/environ").exists()


def live(home: Path) -> Iterator[Client]:
    """Yield the live processes of the client whose directory is ``home``, and those that have nothing open yet."""
    locks = os.path.realpath(home / "thread-writer-locks")
    for pid in _pids():
        entry = Path(f"/proc/{pid}")
        with suppress(*_NOT_OURS):
            if (entry / "comm").read_text().startswith(_PROGRAM):
                yield Client(pid=pid, session_id=_session_of(entry), open=_open(entry, locks))


def of_session(home: Path, session_id: str) -> Client | None:
    """Return the live process that was started for a session; None when none is found."""
    found = [client for client in live(home) if client.session_id == session_id]
    # What the agent itself starts inherits the mark; the one with a conversation is the agent.
    return max(found, key=lambda client: (bool(client.open), -client.pid), default=None)


def holder(home: Path, conversation_id: str) -> Client | None:
    """Return the live process that has a conversation open; None when none is found."""
    return next((client for client in live(home) if conversation_id in client.open), None)


def _pids() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - half the time of iterdir
    except FileNotFoundError:  # no such thing on this system
        return []


def _session_of(entry: Path) -> str:
    mark = b"ROUSER_SESSION_ID="
    for variable in (entry / "environ").read_bytes().split(b"\0"):
        if variable.startswith(mark):
            return variable[len(mark) :].decode(errors="replace")
    return ""


def _open(entry: Path, locks: str) -> tuple[str, ...]:
    found = set()
    for descriptor in (entry / "fd").iterdir():
        with suppress(*_NOT_OURS):
            target = descriptor.readlink()
            lock = _LOCK.fullmatch(target.name)
            if lock is not None and str(target.parent) == locks:
                found.add(lock[1])
    return tuple(sorted(found))
