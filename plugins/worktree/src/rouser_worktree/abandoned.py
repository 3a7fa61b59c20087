"""Tells the lock file of a git that has died from one that somebody holds, whoever that is and however long ago."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_WATCHED_SECONDS: Final = 0.3  # most gits hold a lock for milliseconds
_POLL: Final = 0.02
_NEVER_HOLD: Final = (b"fsmonitor--daemon", b"credential-cache--daemon", b"daemon", b"upload-pack")


def remove_abandoned(file: Path) -> None:
    """Remove a lock file if it outlives every git that runs now on this machine; any of these could be its holder.

    Where the running processes cannot be listed, nothing is removed.

    :raises OSError: the disk says no.
    """
    before = _identity(file)
    if before is None:
        return
    suspects = _running_gits()
    if suspects is None:
        return
    give_up = time.monotonic() + _WATCHED_SECONDS
    while time.monotonic() < give_up:
        time.sleep(_POLL)
        if _identity(file) != before:
            return
    survivors = _running_gits()
    if survivors is not None and not suspects & survivors and _identity(file) == before:
        file.unlink(missing_ok=True)


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        status = os.lstat(file)
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _running_gits() -> set[tuple[str, bytes]] | None:
    """Return the number and the start of each git that could hold a lock; None where that is not to be known."""
    if not (_PROC / "self" / "stat").exists():
        return None
    found = set()
    for entry in os.scandir(_PROC):
        if entry.name.isdecimal():
            with suppress(OSError):
                stat = Path(entry.path, "stat").read_bytes()
                name, _, rest = stat.partition(b"(")[2].rpartition(b")")
                state, started = rest.split()[0], rest.split()[19]
                words = Path(entry.path, "cmdline").read_bytes().split(b"\0")
                if name.startswith(b"git") and state not in b"ZX" and not set(words[1:3]) & set(_NEVER_HOLD):
                    found.add((entry.name, started))
    return found
