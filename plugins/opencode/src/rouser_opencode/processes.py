"""The client's live processes: which conversation each was started for, and whether it has the database open.

Read from ``/proc``: where there is none, no process is found.
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

_PROGRAM: Final = "opencode"
_OPTIONS: Final = ("--session", "-s")
_FIRST_WORDS: Final = 4  # a shell and what it is to do may come first, or an interpreter
_QUOTING: Final = ("tmux",)  # a server shows the command that it was started for as its own
# What is raised for processes that ended meanwhile, or are another user's. After anything else it is not known.
_NOT_OURS: Final = (FileNotFoundError, ProcessLookupError, PermissionError)


@dataclass(frozen=True, kw_only=True, slots=True)
class Client:
    """A live process of the client, or of the shell that is about to become one.

    :ivar pid: its process id.
    :ivar conversation_id: the conversation that its arguments name; empty when they name none.
    :ivar is_up: whether it has come far enough to have the database open.
    """

    pid: int
    conversation_id: str
    is_up: bool

    @property
    def directory(self) -> str:
        """Where it runs; empty when it has ended."""
        with suppress(*_NOT_OURS):
            return str(Path(f"/proc/{self.pid}/cwd").readlink())
        return ""

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


def live(database: Path) -> Iterator[Client]:
    """Yield the live processes, those that began first first.

    :param database: the client's database.
    """
    for pid in sorted(_pids()):
        entry = Path(f"/proc/{pid}")
        with suppress(*_NOT_OURS):
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if _is_client(words) and not (entry / "comm").read_text().startswith(_QUOTING):
                yield Client(
                    pid=pid,
                    conversation_id=_named(words),
                    is_up=_has_open(entry, os.path.realpath(database)),
                )


def of_conversation(database: Path, conversation_id: str) -> list[Client]:
    """Return the live processes that were started for a conversation, those that began first first."""
    return [client for client in live(database) if client.conversation_id == conversation_id]


def end_of_session(database: Path, session_id: str, conversation_id: str) -> None:
    """End the processes that rouser started for a session's conversation, and return when they are gone.

    A client whose terminal was taken away needs seconds to end on a busy machine, and nobody can reach it any more.

    :raises OSError: one does not end.
    """
    for client in of_conversation(database, conversation_id):
        if is_process_of(session_id, client.pid):
            end_process_of(session_id, client.pid)


def _pids() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - half the time of iterdir
    except FileNotFoundError:  # no such thing on this system
        return []


def _is_client(words: Sequence[str]) -> bool:
    return any(word.rpartition("/")[2].startswith(_PROGRAM) for word in words[:_FIRST_WORDS])


def _has_open(entry: Path, database: str) -> bool:
    with suppress(*_NOT_OURS):
        for descriptor in (entry / "fd").iterdir():
            with suppress(*_NOT_OURS):
                if str(descriptor.readlink()) == database:
                    return True
    return False


def _named(words: Sequence[str]) -> str:
    """Return the conversation that a command line of the client names; empty when it names none."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        option, is_joined, value = word.partition("=")
        if option in _OPTIONS:
            return value if is_joined else following
    return ""
