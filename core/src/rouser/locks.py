"""One lock per session, held by one process or thread at a time and let go by the kernel when it dies.

``flock`` on a file of its own, from the standard library: the filelock package adds nothing here but the
import of asyncio, which costs a restore about as much as all of its other imports together.
"""

from __future__ import annotations

import fcntl
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from rouser.deadline import pause
from rouser.errors import SessionBusyError, StoreError
from rouser.models import is_valid_name
from rouser.paths import is_running, make_private_directory

# For how long whoever finds a lock held waits for the holder to write down who it is.
_SETTLING_SECONDS: Final = 0.5
_PAUSE: Final = 0.002
_SWEEP_EVERY: Final = 1.0  # second: one of many locks finds nothing that the one before has left

_held: Final[set[str]] = set()  # the paths of the locks that this process holds
_swept: Final[dict[Path, float]] = {}


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _is_current(descriptor: int, path: Path) -> bool:
    """Tell whether the lock file is still the one at ``path``: a holder removes it when done."""
    try:
        there = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    ours = os.fstat(descriptor)
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)


def _acquire(path: Path) -> int | str:
    """Return the descriptor of the locked file, or the words of the one who holds it."""
    give_up = time.monotonic() + _SETTLING_SECONDS
    while True:
        descriptor = _open(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(descriptor)
            os.close(descriptor)
            if holder or time.monotonic() > give_up:
                return holder or "another process"
            pause(_PAUSE)
            continue
        except OSError:
            os.close(descriptor)
            raise
        if _is_current(descriptor, path):
            return descriptor
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    """Return what the holder has written; empty for one that has just come or is about to go, or that only sweeps."""
    try:
        text = os.pread(descriptor, 100, 0).decode(errors="replace").strip()
    except OSError:
        return ""
    words = text.split()
    return text if len(words) > 1 and words[1].isdigit() and is_running(int(words[1])) else ""


def _sweep(directory: Path) -> None:
    """Remove the lock files of processes that were killed, which nobody may ever ask for again; never raises."""
    if time.monotonic() < _swept.get(directory, -math.inf) + _SWEEP_EVERY:
        return
    _swept[directory] = time.monotonic()
    with suppress(OSError):
        for name in os.listdir(directory):  # noqa: PTH208 - one of many restores has many locks beside it
            if name.endswith(".lock") and f"{directory}/{name}" not in _held:
                _remove_unheld(directory / name)


def _remove_unheld(path: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if _holder(descriptor):
                return
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_current(descriptor, path):
                path.unlink()
        finally:
            os.close(descriptor)


@contextmanager
def session_lock(directory: Path, session_id: str, purpose: str) -> Iterator[None]:
    """Hold the lock of a session for the length of a ``with`` block.

    :param directory: where the lock files are; made if it is missing.
    :param session_id: the full id.
    :param purpose: what the holder does, for the message that others get, like ``restore``.
    :raises SessionBusyError: somebody holds it; at once, or as soon as the holder has said who it is.
    :raises StoreError: the lock file cannot be used, or the id could name another file.
    """
    if not is_valid_name(session_id):
        raise StoreError(f"{session_id!r} is no id of a session")
    make_private_directory(directory)
    path = directory / f"{session_id}.lock"
    try:
        descriptor = _acquire(path)
    except OSError as error:
        raise StoreError(f"cannot lock {path}: {error.strerror}") from error
    if isinstance(descriptor, str):
        raise SessionBusyError(f"{session_id[:8]} is busy: {descriptor} is working on it. Try again when that is done.")
    try:
        _held.add(str(path))
        with suppress(OSError):  # a full disk costs the others the holder's name, not us the lock
            if os.fstat(descriptor).st_size:  # to truncate a new one makes ext4 write it to the disk when it is closed
                os.ftruncate(descriptor, 0)
            os.write(descriptor, f"process {os.getpid()} ({purpose})\n".encode())
        _sweep(directory)
        yield
    finally:
        _held.discard(str(path))
        try:
            with suppress(OSError):
                path.unlink()  # while the lock is held, so that nobody can hold a file that is gone
        finally:
            os.close(descriptor)
