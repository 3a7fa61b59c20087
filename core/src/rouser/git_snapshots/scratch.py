"""A directory for what git needs while a snapshot is taken or put back, and the removal of what the killed left.

Whoever works on snapshots holds a lock in a directory of its own in the repository. The kernel releases the lock when
its holder dies, so a directory whose lock is free is one that somebody left behind.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from rouser.errors import HookError
from rouser.git_snapshots.staging import clear

_PREFIX: Final = "rouser-snapshot."
_ATTEMPTS: Final = 50
_ORPHAN_SECONDS: Final = 0.3  # for how long a git whose caller was killed may go on with a lock of its own
_POLL: Final = 0.01


@contextmanager
def scratch(home: Path, session_id: str) -> Iterator[Path]:
    """Make a directory for as long as the block runs, and first remove what others left who were killed.

    That is their directories, and the lock files of git on this session's references: nobody else makes these, so
    they are nobody's when nobody else works on its snapshots.

    :param home: the common directory of the repository that has the references.
    :raises OSError: the disk says no.
    """
    remove_leftovers(home, session_id)
    place, descriptor = _make(home, session_id)
    try:
        yield place
    except BaseException:
        with suppress(OSError):
            remove_leftovers(home, session_id, but=place)  # a git that was killed by itself leaves one
        raise
    finally:
        _remove(place)
        os.close(descriptor)


def remove_leftovers(home: Path, session_id: str, but: Path | None = None) -> None:
    """Remove directories that nobody holds, and the session's lock files if nobody else works on its snapshots.

    These are the lock files that stay what they are for longer than an orphan would have them.

    :param home: the common directory of the repository that has the references.
    :param but: the directory of whoever calls.
    :raises OSError: the disk says no.
    """
    files = (home / "refs" / "rouser" / session_id).glob("*.lock")
    locks = {file: status for file in files if (status := _identity(file))}
    if not _sweep(home, session_id, but):
        return
    give_up = time.monotonic() + _ORPHAN_SECONDS
    while locks and time.monotonic() < give_up:
        time.sleep(_POLL)
        locks = {file: status for file, status in locks.items() if _identity(file) == status}
    for file in locks:
        file.unlink(missing_ok=True)


def _make(home: Path, session_id: str) -> tuple[Path, int]:
    for _ in range(_ATTEMPTS):
        place = home / f"{_PREFIX}{session_id}.{os.urandom(4).hex()}"
        place.mkdir(mode=0o700)
        descriptor = _hold(place)
        if descriptor is not None:
            return place, descriptor
    raise HookError(f"others keep removing what is made in {home}; try again")


def _hold(place: Path) -> int | None:
    """Return the descriptor of a lock on a directory of ours; None when somebody else has it, or removed it."""
    file = place / "held"
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if file.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _remove(place: Path) -> None:
    """Remove a directory that has only files, and what it notes; what stays, the next snapshot removes."""
    clear(place)
    with suppress(OSError):
        for file in place.iterdir():
            file.unlink()
        place.rmdir()


def _sweep(home: Path, session_id: str, but: Path | None) -> bool:
    """Remove the directories that nobody holds; return whether nobody holds one for the session, ``but`` aside."""
    alone = True
    for place in home.glob(f"{_PREFIX}*"):
        if place == but:
            continue
        descriptor = None if place.is_symlink() else _hold(place)
        if descriptor is not None:
            _remove(place)
            os.close(descriptor)
        elif place.name.startswith(f"{_PREFIX}{session_id}.") and os.path.lexists(place):
            alone = False
    return alone


def _identity(file: Path) -> tuple[int, int] | None:
    with suppress(FileNotFoundError):
        status = os.lstat(file)
        return status.st_ino, status.st_mtime_ns
    return None
