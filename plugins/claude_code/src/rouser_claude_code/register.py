"""The client's register of its live processes: ``sessions/<pid>.json`` in its configuration directory.

Undocumented, read from Claude Code 2.1.330: better evidence than a transcript while it is there, never the only
one. A process that was killed leaves its entry behind, so that one counts only while the process that wrote it
lives, known by its start time.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

_COMM: Final = b"claude\n"
_NAMING: Final = ("--resume", "-r", "--session-id")
# What is raised for processes that ended meanwhile, or are another user's. After anything else it is not known.
_NOT_OURS: Final = (FileNotFoundError, ProcessLookupError, PermissionError)


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveProcess:
    """A process of the client that is alive.

    :ivar pid: its process id.
    :ivar conversation_id: the conversation that it has open.
    :ivar directory: where it was started, as it says; empty if it does not.
    :ivar status: ``idle``, ``busy``, ``waiting``, or whatever else a later client says; empty while it starts.
    :ivar since: when it got into this status, in UTC; long ago while it has none.
    """

    pid: int
    conversation_id: str
    directory: str
    status: str
    since: datetime


def find(home: Path, conversation_id: str) -> LiveProcess | None:
    """Return the live process that holds the conversation; None when none is registered."""
    return next((found for found in live(home) if found.conversation_id == conversation_id), None)


def of_session(home: Path, session_id: str) -> LiveProcess | None:
    """Return the live process that rouser started for a session, by its environment; None when none is registered.

    A client that was started by the session's client has the same mark, and another one that tells it apart.
    """
    mark = f"ROUSER_SESSION_ID={session_id}".encode()
    for process in live(home):
        with suppress(*_NOT_OURS):
            variables = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
            if mark in variables and not any(variable.startswith(b"CLAUDECODE=") for variable in variables):
                return process
    return None


def live(home: Path) -> Iterator[LiveProcess]:
    """Yield the registered processes that are alive."""
    for entry in _entries(home):
        process = _alive(entry)
        if process is not None:
            yield process


def starting(conversation_id: str) -> int | None:
    """Return the pid of a client whose command line names the conversation; None when there is none.

    It holds the conversation, though it may not have registered yet.
    """
    for pid in _named_claude():
        with suppress(*_NOT_OURS):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
            pairs = itertools.pairwise(words)
            named = any(option in _NAMING and value == conversation_id for option, value in pairs)
            joined = any(f"{option}={conversation_id}" in words for option in _NAMING)
            if (named or joined) and start_time(pid) is not None:
                return pid
    return None


def _named_claude() -> Iterator[int]:
    """Yield the processes of that name; there may be hundreds of others, and a restore waits for this."""
    try:
        pids = [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdecimal()]
    except FileNotFoundError:  # no such thing on this system
        return
    for pid in pids:
        with suppress(*_NOT_OURS):
            descriptor = os.open(f"/proc/{pid}/comm", os.O_RDONLY)
            try:
                name = os.read(descriptor, len(_COMM) + 1)
            finally:
                os.close(descriptor)
            if name == _COMM:
                yield pid


def died_since(home: Path, conversation_id: str, since: datetime | None) -> bool:
    """Return whether a process that had the conversation open was killed: it left its entry behind.

    :param since: leave entries out that were last written before, in UTC. None: none.
    """
    if start_time(os.getpid()) is None:
        return False  # this system does not tell which processes run
    return any(
        entry.get("sessionId") == conversation_id
        and _is_over(entry)
        and (since is None or _moment(entry.get("updatedAt")) >= since)
        for entry in _entries(home)
    )


def start_time(pid: int) -> str | None:
    """Return when a process was started, in the kernel's clock ticks since boot.

    None when it has ended, or when it cannot be told. Field 22 of ``/proc/<pid>/stat`` (proc_pid_stat(5)), which
    is what the client registers on Linux.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except _NOT_OURS:
        return None
    # The second field is the program's name in parentheses, which may hold blanks and parentheses itself.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def _entries(home: Path) -> Iterator[dict[str, Any]]:
    try:
        paths = list((home / "sessions").glob("*.json"))
    except _NOT_OURS:
        return
    for path in paths:
        try:
            entry = json.loads(path.read_bytes())
        except (*_NOT_OURS, ValueError):
            continue
        if isinstance(entry, dict):
            yield entry


def _is_over(entry: dict[str, Any]) -> bool:
    pid, started = entry.get("pid"), entry.get("procStart")
    return isinstance(pid, int) and isinstance(started, str) and start_time(pid) != started


def _alive(entry: dict[str, Any]) -> LiveProcess | None:
    # A client registers before it has a status, and may take seconds to get one on a busy machine.
    pid, started, status = entry.get("pid"), entry.get("procStart"), entry.get("status", "")
    conversation_id = entry.get("sessionId")
    if not isinstance(pid, int) or not isinstance(started, str) or start_time(pid) != started:
        return None
    if not isinstance(status, str) or not isinstance(conversation_id, str):
        return None
    return LiveProcess(
        pid=pid,
        conversation_id=conversation_id,
        directory=str(entry.get("cwd") or ""),
        status=status,
        since=_moment(entry.get("statusUpdatedAt")),
    )


def _moment(milliseconds: object) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000 if isinstance(milliseconds, int | float) else 0, UTC)
