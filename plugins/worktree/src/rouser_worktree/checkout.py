"""Fill a worktree's directory from its branch, and undo that when it fails half-way."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rouser import GitFailedError, GitTimeoutError, HookError, time_left
from rouser_worktree.commands import git
from rouser_worktree.links import find_private, is_repository, read_link
from rouser_worktree.locks import Held
from rouser_worktree.records import Record, forget
from rouser_worktree.remains import clear, clear_locks
from rouser_worktree.repository import Repository
from rouser_worktree.trees import remove_tree

_RESERVE: Final = 5.0
_NO_SPACE: Final = 65_536


def add(repository: Repository, path: Path, branch: str) -> None:
    """Make a worktree at ``path``, which is empty or not there, with an existing branch checked out.

    The repository's post-checkout hook runs, as people rely on it to.

    :raises HookError: git or the hook failed or did not end in time, leaving some time to clean up after it.
    :raises OSError: git left a lock file that cannot be removed.
    """
    reserve = min(_RESERVE, time_left() / 4)
    try:
        repository.run("worktree", "add", "--", str(path), branch, reserve=reserve)
    except GitTimeoutError as error:
        if is_complete(path):
            raise _hanging(repository, error) from error
        raise
    except GitFailedError as error:
        if is_complete(path):
            raise _failing(repository, error) from error
        raise
    clear_locks(repository, path, branch)


@contextmanager
def naming_a_full_disk(path: Path) -> Iterator[None]:
    """Add to the error of a git that writes files below ``path`` that their disk is full: git does not say so.

    It is of no use for ``git worktree add``, which has removed them again by the time that it fails.
    """
    try:
        yield
    except GitFailedError as error:
        if error.explained and shutil.disk_usage(path.parent).free < _NO_SPACE:
            raise HookError(f"{error}; the disk that holds {path} is full") from error
        raise


def run_hook(repository: Repository, path: Path, branch: str) -> None:
    """Run the post-checkout hook in a worktree that has its branch checked out, which is left as it is.

    :raises HookError: git or the hook failed or did not end in time.
    """
    try:
        git(path, "checkout", "--quiet", branch, "--", held=repository.held)
    except GitTimeoutError as error:
        raise _hanging(repository, error) from error
    except GitFailedError as error:
        if error.explained:
            raise
        raise _failing(repository, error) from error


def _hanging(repository: Repository, error: GitTimeoutError) -> HookError:
    return HookError(f"{error}: its post-checkout hook hangs; see the hooks of {repository.common}")


def _failing(repository: Repository, error: GitFailedError) -> HookError:
    last = error.errors.strip().rpartition("\n")[2]
    return HookError(f"the post-checkout hook of {repository.common} failed: {last or 'it does not say why'}")


def is_complete(path: Path) -> bool:
    """Return whether git has filled the worktree: it writes the index when all files are there."""
    link = read_link(path)
    return link is not None and (link.private / "index").exists()


def holds_something(path: Path) -> bool:
    """Return whether there is anything at ``path`` that a new worktree there would be in conflict with."""
    return os.path.lexists(path) and (path.is_symlink() or not path.is_dir() or any(path.iterdir()))


def discard(path: Path, record: Record, held: Held) -> None:
    """Remove a worktree that was never handed out, and the branch that was created for it.

    :raises HookError: it could not be removed.
    """
    held.unfinished = True
    remove_tree(path)
    repository = Repository(Path(record.repository), held)
    if is_repository(repository.common):
        clear(repository, path, record.branch)
        remove_entry(repository, path)
        if record.start is not None:
            repository.delete_branch(record.branch, record.start)
    forget(path)
    held.unfinished = False


def remove_entry(repository: Repository, path: Path) -> None:
    """Make the repository forget a worktree whose directory is gone, and no other one.

    ``git worktree prune`` would also forget those that are on a disk that is not mounted now.
    """
    if find_private(repository.common, path) is not None:
        repository.run("worktree", "remove", "--force", "--force", "--", str(path))
