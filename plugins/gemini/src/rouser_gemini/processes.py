"""The client's live processes, known by the conversation that their arguments name.

Read from ``/proc``: where there is none, no process is found. A client that was started without an id, as by hand,
cannot be told from others.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rouser import end_process_of, is_process_of

_OPTIONS: Final = ("--session-id", "--resume", "-r")
_QUOTING: Final = ("tmux",)  # a server shows the command that it was started for as its own
# What is raised for processes that ended meanwhile, or are another user's. After anything else it is not known.
_NOT_OURS: Final = (FileNotFoundError, ProcessLookupError, PermissionError)


@dataclass(frozen=True, kw_only=True, slots=True)
class Client:
    """A live process of the client: the one that was started; the one that it starts itself has no such arguments."""

    pid: int
    conversation_id: str

    @property
    def started(self) -> datetime | None:
        """When it was started, in UTC; None when it has ended. Field 22 of its ``stat``, see proc_pid_stat(5)."""
        with suppress(*_NOT_OURS):
            ticks = int(Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[19])
            age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
            return datetime.fromtimestamp(time.time() - age, UTC)
        return None


def can_be_seen() -> bool:
    """Return whether this system tells which processes run."""
    return Path("/proc/self/cmdline").exists()


def live() -> Iterator[Client]:
    """Yield the live processes whose arguments name a conversation, those that began first first."""
    for pid in sorted(_pids()):
        entry = Path(f"/proc/{pid}")
        with suppress(*_NOT_OURS):
            found = _named((entry / "cmdline").read_bytes().decode(errors="replace").split("\0"))
            if found and not (entry / "comm").read_text().startswith(_QUOTING):
                yield Client(pid=pid, conversation_id=found)


def holder(conversation_id: str) -> Client | None:
    """Return the live process that was started for a conversation; None when none is found."""
    return next((client for client in live() if client.conversation_id == conversation_id), None)


def end_of_session(session_id: str, conversation_id: str) -> None:
    """End the processes that rouser started for a session's conversation, and return when they are gone.

    The client lives on when its terminal is killed with everything around it, where nobody can reach it any more.

    :raises OSError: one does not end.
    """
    for client in live():
        if client.conversation_id == conversation_id and is_process_of(session_id, client.pid):
            end_process_of(session_id, client.pid)


def _pids() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - half the time of iterdir
    except FileNotFoundError:  # no such thing on this system
        return []


def _named(words: Sequence[str]) -> str:
    """Return the conversation that a command line of the client names; empty when it is none."""
    if not any("gemini" in word for word in words[:3]):
        return ""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        option, is_joined, value = word.partition("=")
        if option in _OPTIONS:
            return value if is_joined else following
    return ""
