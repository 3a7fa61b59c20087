"""Locks that the kernel releases when their holder dies; a file that is there all the same tells of such a death."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rouser import HookError, time_left
from rouser_worktree.marks import DONE, making_file, was_left
from rouser_worktree.trees import remove_aside

_POLL: Final = 0.05
_ATTEMPTS: Final = 2
_SWEEPING_SECONDS: Final = 0.1  # more than it takes to find that nobody holds a lock


@dataclass(slots=True)
class Held:
    """A lock that is held.

    :ivar descriptor: of its file, for git to inherit.
    :ivar since: when its file was made, in seconds since the epoch: by this holder, or by one that was killed.
    :ivar broken: whether a git at work under it was killed, as far as is known.
    :ivar failed: whether a git at work under it failed, which it does too when one that it started is killed.
    :ivar unfinished: whether something could not be cleared away, so that the next holder has to.
    """

    descriptor: int
    since: float
    broken: bool
    failed: bool = False
    unfinished: bool = False


def sweep(home: Path) -> None:
    """Remove the locks below ``home`` of those who were killed before or after they made anything.

    One that the disk keeps is left to the next.
    """
    for name in os.listdir(home):  # noqa: PTH208 - a home may have thousands
        file = home / name
        with suppress(OSError):
            if name.startswith(".") and name.endswith(".branch"):
                _remove_unheld(file)
            elif name.startswith(".") and name.endswith(".lock") and not _is_of_something(file):
                _remove_unheld(file, file.with_suffix(".new"))


def tidy(path: Path) -> None:
    """Remove what one who was killed left of its lock, where there is nothing else left to do."""
    if os.path.lexists(making_file(path)):
        _remove_unheld(making_file(path))


@contextmanager
def making(path: Path) -> Iterator[Held]:
    """Hold the lock on making the worktree at ``path``.

    A command that is killed leaves its git running. Since git holds the lock too, whoever comes next
    waits for it to end before touching what it still writes to.

    :raises HookError: another process held it for as long as there was time.
    """
    complaint = f"an earlier git still works on {path}; wait for it or end it"
    with _lock(making_file(path), time_left() * 0.9, complaint) as held:
        sweep(path.parent)
        with suppress(HookError):  # a removal says so; others have no use for what is in the way of nothing
            remove_aside(path)
        yield held


@contextmanager
def claiming(home: Path, common: Path, branch: str) -> Iterator[None]:
    """Hold the right to check out a branch below ``home``.

    git looks whether a branch is free before it checks it out; two at once may both find that it is.

    :raises HookError: another session is checking it out now.
    """
    from hashlib import sha256  # 7 ms, which to look at a worktree need not cost

    name = sha256(os.fsencode(f"{common}\0{branch}")).hexdigest()[:16]
    with _lock(
        home / f".{name}.branch",
        _SWEEPING_SECONDS,
        f"branch {branch} is being checked out for another session; use another",
    ):
        yield


@contextmanager
def _lock(file: Path, seconds: float, complaint: str) -> Iterator[Held]:
    deadline = time.monotonic() + seconds
    while (held := _try_to_lock(file)) is None:
        if time.monotonic() > deadline:
            raise HookError(complaint)
        time.sleep(_POLL)
    try:
        yield held
    finally:
        _let_go(file, held)


def _is_of_something(lock: Path) -> bool:
    """Return whether there is a worktree, or the record of one, for a lock on making it."""
    return os.path.lexists(lock.with_name(lock.stem[1:])) or os.path.lexists(lock.with_suffix(".json"))


def _remove_unheld(file: Path, *drafts: Path) -> None:
    """Remove the file of a lock whose holder was killed, and first what only a holder writes."""
    held = _try_to_lock(file)
    if held is not None:
        try:
            for draft in drafts:
                draft.unlink(missing_ok=True)
        finally:
            _let_go(file, held)


def _let_go(file: Path, held: Held) -> None:
    """Remove the file while the lock is held; one that the disk keeps says that its holder was not killed."""
    if not held.unfinished and not any(_is_unlinked(file) for _ in range(_ATTEMPTS)):
        with suppress(OSError):
            os.pwrite(held.descriptor, DONE, 0)
    os.close(held.descriptor)


def _is_unlinked(file: Path) -> bool:
    try:
        file.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def _try_to_lock(file: Path) -> Held | None:
    while True:
        broken = was_left(file)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            status = os.fstat(descriptor)
            if file.stat().st_ino == status.st_ino:
                if status.st_size:
                    os.ftruncate(descriptor, 0)
                return Held(descriptor, status.st_mtime, broken)
        except FileNotFoundError:
            pass
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its last holder removed it between our open and our lock
