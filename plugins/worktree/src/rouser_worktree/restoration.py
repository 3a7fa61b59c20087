"""Bring back a worktree that is gone or broken, with whatever work is still there."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from rouser import GitFailedError, HookError, Session, operation_under_way
from rouser_worktree.checkout import add, holds_something, naming_a_full_disk, remove_entry, run_hook
from rouser_worktree.commands import git
from rouser_worktree.links import find_private, is_repository, points_nowhere, read_link, write_link
from rouser_worktree.locks import claiming, making
from rouser_worktree.marks import filling, is_filling, is_made
from rouser_worktree.records import Record, read_record, write_record
from rouser_worktree.remains import clear, cleared
from rouser_worktree.repository import Repository, find_repository
from rouser_worktree.snapshots import snapshots_in
from rouser_worktree.state import branch_of, conflicts, head_branch
from rouser_worktree.submodules import refill_submodules
from rouser_worktree.trees import remove_tree

_CHECKOUT: Final = ("checkout-index", "--all", "--quiet")


def restore(session: Session, path: Path) -> Path:
    """Recreate the session's worktree at ``path`` from the session's branch and no other.

    :returns: ``path``.
    :raises HookError: it cannot be recreated, and why; nothing was changed.
    """
    if read_link(path) is not None and is_made(path):
        return path
    record = read_record(path)
    repository = _repository_of(session, path, record)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with making(path) as held:
        repository = replace(repository, held=held)
        with cleared(repository, path, session.branch):
            return restore_held(session, repository, path, record)


def restore_held(session: Session, repository: Repository, path: Path, record: Record | None) -> Path:
    """Do what :func:`restore` does for one who holds the lock on making it."""
    branch = session.branch
    if repository.tip(branch) is not None:
        return _restore_branch(session, repository, path, record)
    lost = snapshots_in(repository.common, session.id).lost_tip(branch)
    if lost is None:
        raise HookError(
            f"branch {branch} was deleted; bring it back (git branch {branch} COMMIT; the reflog may know it), "
            f"or: rouser rm {session.short_id}"
        )
    repository.create_branch(branch, lost)
    try:
        return _restore_branch(session, repository, path, record)
    except BaseException:
        repository.delete_branch(branch, lost)
        raise


def _restore_branch(session: Session, repository: Repository, path: Path, record: Record | None) -> Path:
    _bring_back(session, repository, path, record)
    if read_link(path) is None:
        raise HookError(f"{path} was linked to {repository.common} again, but is not usable; see git worktree list")
    if record is not None and (record.repository != str(repository.common) or not record.ready):
        write_record(path, replace(record, repository=str(repository.common), ready=True))
    return path


def _bring_back(session: Session, repository: Repository, path: Path, record: Record | None) -> None:
    """Have the worktree's files and links in their places, whatever of them there is."""
    branch = session.branch
    broken = repository.held is not None and repository.held.broken
    private = find_private(repository.common, path)
    recorded = record is not None and record.session == session.id
    if broken and private is None and _is_barely_begun(path):
        remove_tree(path)
    if read_link(path) is not None and private is not None and not is_filling(path):
        _complete(repository, private, path)
    elif holds_something(path) and not is_filling(path):
        is_ours = private is not None and (recorded or head_branch(private) == branch)
        if private is None or not is_ours or path.is_symlink() or not points_nowhere(path):
            raise HookError(f"{path} is in the way, and is not the worktree of {branch}; move it, then try again")
        write_link(private, path)
    elif private is not None and branch_of(private) == branch:
        _refill(repository, private, path, branch)
    else:
        if private is not None:
            _require_kept_elsewhere(private, path)
        elif is_filling(path):
            remove_tree(path)
        with claiming(path.parent, repository.common, branch):
            repository.require_free(branch, but=path)
            remove_entry(repository, path)
            with filling(path):
                _add_or_leave_nothing(repository, path, branch)


def _repository_of(session: Session, path: Path, record: Record | None) -> Repository:
    """Return the repository that the worktree belonged to, and not one that is around it by chance."""
    recorded = Path(record.repository) if record is not None else None
    if recorded is not None and is_repository(recorded):
        return Repository(recorded)
    found = find_repository(session.repository)
    if recorded is not None and found.common != recorded and find_private(found.common, path) is None:
        raise HookError(
            f"repository {recorded} was moved or deleted, and {session.repository} is in another one; "
            f"put it back, or: rouser rm {session.short_id}"
        )
    return found


def _is_barely_begun(path: Path) -> bool:
    """Return whether a git that was killed got no further at ``path`` than to make the directory and its link."""
    if not path.is_dir() or path.is_symlink() or not points_nowhere(path):
        return False
    return all(file.name == ".git" for file in path.iterdir())


def _complete(repository: Repository, private: Path, path: Path) -> None:
    """Write the files that are missing where somebody was killed, over nothing that is there."""
    if (private / "index").exists():
        with suppress(GitFailedError):  # it complains of files that were changed
            git(path, *_CHECKOUT, held=repository.held)
    else:  # git writes it last, so it was killed at the first checkout, and there is nobody's work
        git(path, "read-tree", "HEAD", held=repository.held)
        git(path, *_CHECKOUT, "--force", held=repository.held)


def _refill(repository: Repository, private: Path, path: Path, branch: str) -> None:
    """Write the files anew, from the worktree's own index: what was staged there exists nowhere else."""
    with filling(path):
        try:
            with naming_a_full_disk(path):
                _fill(repository, private, path, branch)
        except BaseException:
            remove_tree(path)
            raise


def _fill(repository: Repository, private: Path, path: Path, branch: str) -> None:
    path.mkdir(exist_ok=True)
    write_link(private, path)
    if not (private / "index").exists():
        git(path, "read-tree", "HEAD", held=repository.held)
    git(path, *_CHECKOUT, "--force", held=repository.held)
    unmerged = conflicts(private)
    for name in unmerged:
        _write_conflict(repository, path, name)
    refill_submodules(private, path, repository.held)
    if not unmerged and not operation_under_way(private):
        run_hook(repository, path, branch)


def _write_conflict(repository: Repository, path: Path, name: str) -> None:
    """Write a file with its conflict marked, or as the one side that it is there on."""
    for side in ("--merge", "--ours", "--theirs"):
        with suppress(GitFailedError):
            git(path, "checkout", "--quiet", side, "--", f":(top,literal){name}", held=repository.held)
            return


def _add_or_leave_nothing(repository: Repository, path: Path, branch: str) -> None:
    try:
        add(repository, path, branch)
    except BaseException:
        remove_tree(path)
        clear(repository, path, branch)
        remove_entry(repository, path)
        raise


def _require_kept_elsewhere(private: Path, path: Path) -> None:
    from rouser_worktree.stranded import find_stranded  # with GitPython, for which few restores have to wait

    stranded = find_stranded(private, path)
    if stranded is not None:
        raise HookError(f"{path} is gone, but {stranded.what}; {stranded.way}, then try again")
