"""Removes what a git that was killed leaves in a repository, where it would be in the way of every git to come.

A git that is killed cannot remove its lock files, and half an entry below ``worktrees`` makes ``git worktree list``
fail for the whole repository. Nobody but the user could remove them otherwise.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rouser_worktree.abandoned import remove_abandoned
from rouser_worktree.links import find_private, names_worktree
from rouser_worktree.locks import Held

if TYPE_CHECKING:
    from rouser_worktree.repository import Repository

_OTHERS_SECONDS: Final = 0.3  # for how long somebody else's git may hold a lock that is not the dead one's
_CLOCK_SECONDS: Final = 0.1  # by which a file system's time may lag behind


def clear(repository: Repository, path: Path, branch: str) -> None:
    """Remove what the gits that worked on a worktree left, if one of them was killed, or may have been.

    Only what such a git may have made: on this branch, in this worktree's private directory, or when deleting a
    branch, and not before it began. Whoever calls holds the lock on making the worktree, as do its gits, so none
    of them runs any more.

    :param path: the worktree's directory, which need not be there.
    :raises OSError: the disk says no; the next holder of the lock goes on with it.
    """
    held = repository.held
    if held is None or not (held.broken or held.failed):
        return
    with _unfinished(held):
        for entry in _half_entries(repository.common, path, held.since - _CLOCK_SECONDS):
            shutil.rmtree(entry)
        clear_locks(repository, path, branch)


def clear_locks(repository: Repository, path: Path, branch: str) -> None:
    """Remove the lock files of :func:`clear`: a git that cannot remove its own says that it has succeeded.

    :raises OSError: the disk says no.
    """
    held = repository.held
    if held is None:
        return
    since = held.since - _CLOCK_SECONDS
    with _unfinished(held):
        left = {file: status for file in _lock_files(repository, path, branch) if (status := _identity(file, since))}
        give_up = time.monotonic() + _OTHERS_SECONDS
        while left and time.monotonic() < give_up:
            time.sleep(0.01)
            left = {file: status for file, status in left.items() if _identity(file, since) == status}
        for file in left:
            file.unlink(missing_ok=True)
        packed = repository.common / "packed-refs.lock"
        if _identity(packed, since):
            remove_abandoned(packed, repository.common)


@contextmanager
def cleared(repository: Repository, path: Path, branch: str) -> Iterator[None]:
    """Do as :func:`clear` before the block, and after it if it fails."""
    clear(repository, path, branch)
    try:
        yield
    except BaseException:
        clear(repository, path, branch)
        raise


def is_locked(private: Path) -> bool:
    """Return whether the user has locked a worktree; git does so itself while it adds one, and says so."""
    file = private / "locked"
    return file.exists() and file.read_text().strip() != "initializing"


@contextmanager
def _unfinished(held: Held) -> Iterator[None]:
    """Have the next holder of the lock do the block once more if it does not come to its end."""
    before, held.unfinished = held.unfinished, True
    yield
    held.unfinished = before


def _half_entries(common: Path, path: Path, since: float) -> Iterator[Path]:
    """Yield the private directories of the worktree that lack what git needs to make sense of them."""
    ours = find_private(common, path)
    mine = re.compile(re.escape(path.name) + r"\d*")
    with suppress(FileNotFoundError, NotADirectoryError):
        for entry in sorted((common / "worktrees").iterdir()):
            is_new = mine.fullmatch(entry.name) is not None and entry.stat().st_mtime >= since
            if (entry == ours or (is_new and not names_worktree(entry))) and not _makes_sense(entry):
                yield entry


def _makes_sense(entry: Path) -> bool:
    return all((entry / name).is_file() and (entry / name).stat().st_size for name in ("gitdir", "commondir", "HEAD"))


def _lock_files(repository: Repository, path: Path, branch: str) -> Iterator[Path]:
    common = repository.common
    yield repository.branch_lock(branch)
    if repository.held is not None and repository.held.broken:  # it may be another's, who holds it for long
        yield common / "packed-refs.lock"
        yield common / "packed-refs.new"
    private = find_private(common, path)
    if private is not None:
        yield from private.glob("*.lock")
        yield private / "locked"


def _identity(file: Path, since: float) -> tuple[int, int] | None:
    """Return what tells a file from a later one of its name; None when it is gone, or older than ``since``."""
    try:
        status = os.lstat(file)
        if file.name == "locked" and is_locked(file.parent):
            return None
    except (FileNotFoundError, NotADirectoryError):  # a branch rouser leaves no place for a lock on rouser/fix
        return None
    return (status.st_ino, status.st_mtime_ns) if status.st_mtime >= since else None
