"""Finds the processes of sessions' agents, in the process table and not by asking the code under test."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from support.waiting import wait_for
from support.world import running

_PROC = Path("/proc")


def runners(session_id: str) -> list[int]:
    """Return the live processes that carry a session's id in their environment; zombies are none."""
    mark = f"ROUSER_SESSION_ID={session_id}".encode()
    return [pid for pid, environ in _environments() if mark in environ.split(b"\0") and running(pid)]


def all_runners(root: Path) -> list[int]:
    """Return the live processes that carry any session's id and belong to the world at ``root``."""
    return [pid for pid, environ in _within(root) if b"ROUSER_SESSION_ID=" in environ]


def all_within(root: Path) -> list[int]:
    """Return the live processes that belong to the world at ``root``."""
    return [pid for pid, _ in _within(root)]


def _within(root: Path) -> Iterator[tuple[int, bytes]]:
    yield from ((pid, environ) for pid, environ in _environments() if str(root).encode() in environ and running(pid))


def kill_runners(session_id: str) -> None:
    """SIGKILL a session's agent and wait until it is gone, as a crash would have it."""
    for pid in runners(session_id):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not runners(session_id), f"the agent of {session_id} is gone")


def _environments() -> Iterator[tuple[int, bytes]]:
    for entry in os.scandir(_PROC):
        if entry.name.isdecimal():
            with suppress(OSError):
                yield int(entry.name), (_PROC / entry.name / "environ").read_bytes()
