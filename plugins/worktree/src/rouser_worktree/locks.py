"""Locks that the kernel releases when their holder dies, on files that are there only while they are held."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

from rouser import HookError, time_left

_POLL: Final = 0.05


@contextmanager
def making(path: Path) -> Iterator[int]:
    """Hold the lock on making the worktree at ``path``; yields its descriptor, for git to inherit.

    A command that is killed leaves its git running. Since git holds the lock too, whoever comes next
    waits for it to end before touching what it still writes to.

    :raises HookError: another process held it for as long as there was time.
    """
    complaint = f"an earlier git still works on {path}; wait for it or end it"
    with _lock(path.with_name(f".{path.name}.lock"), time_left() * 0.9, complaint) as descriptor:
        yield descriptor


@contextmanager
def claiming(home: Path, common: Path, branch: str) -> Iterator[None]:
    """Hold the right to check out a branch below ``home``.

    git looks whether a branch is free before it checks it out; two at once may both find that it is.

    :raises HookError: another session is checking it out now.
    """
    name = sha256(os.fsencode(f"{common}\0{branch}")).hexdigest()[:16]
    with _lock(home / f".{name}.branch", 0, f"branch {branch} is being checked out for another session; use another"):
        yield


@contextmanager
def _lock(file: Path, seconds: float, complaint: str) -> Iterator[int]:
    deadline = time.monotonic() + seconds
    while (descriptor := _try_to_lock(file)) is None:
        if time.monotonic() > deadline:
            raise HookError(complaint)
        time.sleep(_POLL)
    try:
        yield descriptor
    finally:
        file.unlink(missing_ok=True)
        os.close(descriptor)


def _try_to_lock(file: Path) -> int | None:
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if file.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        except FileNotFoundError:
            pass
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its last holder removed it between our open and our lock
