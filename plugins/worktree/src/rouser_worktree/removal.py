"""Remove a worktree, unless that would lose work or it is not one that this plugin made."""

from __future__ import annotations

import os
from pathlib import Path

from rouser import HookError
from rouser_worktree.abandoned import remove_abandoned
from rouser_worktree.checkout import remove_entry
from rouser_worktree.links import Link, find_private, is_repository, points_nowhere, read_link, write_link
from rouser_worktree.locks import Held, making, tidy
from rouser_worktree.records import Record, forget, read_record
from rouser_worktree.remains import clear, clear_locks, cleared, is_locked
from rouser_worktree.repository import Repository
from rouser_worktree.snapshots import snapshots_in
from rouser_worktree.state import branch_of
from rouser_worktree.stranded import find_stranded
from rouser_worktree.trees import remove_aside, remove_worktree
from rouser_worktree.work import look, own_commits


def destroy(base: Path, path: Path, *, force: bool) -> None:
    """Remove the worktree at ``path`` and what is remembered of it; its branch only if nothing was done on it.

    :param base: the directory that has all worktrees; nothing outside of it is ever removed.
    :param force: also if it holds uncommitted or unpushed work.
    :raises HookError: it was not made by this plugin, it holds such work, or it could not be removed.
    """
    place = path.parent.resolve() / path.name
    is_there = os.path.lexists(place)
    if place.parent.parent != base.resolve():
        if not is_there:
            return
        raise HookError(f"{path} is not a worktree below {base}, so rouser does not remove it; do it by hand")
    if place.is_symlink():
        raise HookError(f"{path} is a symbolic link, not a worktree; remove the link by hand")
    record = read_record(place)
    if record is None:
        if not is_there:
            tidy(place)
            return
        raise HookError(f"{path} was not made by rouser, so it is not removed; do it by hand")
    with making(place) as held:
        remove_aside(place)
        _destroy(place, record, held, is_there=is_there, force=force)
        forget(place)


def _destroy(path: Path, record: Record, held: Held, *, is_there: bool, force: bool) -> None:
    recorded = Path(record.repository)
    link = read_link(path)
    # A repository that was moved, and its worktree repaired, is found by the link.
    repository = Repository(recorded if link is None or is_repository(recorded) else link.common, held)
    if not is_repository(repository.common):
        if is_there:
            _remove_unlinked(path, record, force=force)
        return
    with cleared(repository, path, record.branch):
        if is_there:
            _remove_directory(repository, path, record, force=force)
        elif not force and record.ready:
            _require_nothing_stranded(repository, path, record)
        remove_entry(repository, path)
        clear(repository, path, record.branch)
        _delete_unused_branch(repository, record)
        clear_locks(repository, path, record.branch)
        snapshots_in(repository.common, record.session).tidy()


def _remove_directory(repository: Repository, path: Path, record: Record, *, force: bool) -> None:
    link = read_link(path) or _mended_link(repository, path)
    if link is None or link.common != repository.common:
        _remove_unlinked(path, record, force=force)
        return
    if not force and record.ready:
        work = look(path, link, record.start, submodules=True)
        if not work.is_clean:
            raise HookError(f"{path}: {work}; commit and push it, or use --force")
        if is_locked(link.private):
            raise HookError(f"{path} is locked; unlock it (git worktree unlock {path}), or use --force")
        (link.private / "locked").unlink(missing_ok=True)
    remove_worktree(path)


def _mended_link(repository: Repository, path: Path) -> Link | None:
    """Return the link of a worktree that has only lost its ``.git`` file, which is written again."""
    private = find_private(repository.common, path)
    if private is None or not path.is_dir() or not points_nowhere(path):
        return None
    write_link(private, path)
    return read_link(path)


def _remove_unlinked(path: Path, record: Record, *, force: bool) -> None:
    """Remove what is left where a worktree was, unless it has become something else."""
    if not path.is_dir() or not points_nowhere(path):
        raise HookError(f"{path} is no longer what rouser made there, so it is not removed; do it by hand")
    # What was never handed out is nobody's work; an empty directory is none.
    if record.ready and not force and any(path.iterdir()):
        raise HookError(
            f"{path} is no longer a worktree of {record.repository}, so what it holds cannot be judged; "
            f"look into it, then use --force"
        )
    remove_worktree(path)


def _require_nothing_stranded(repository: Repository, path: Path, record: Record) -> None:
    private = find_private(repository.common, path)
    stranded = None if private is None else find_stranded(private, path)
    if private is not None and stranded is not None:
        comes_back = branch_of(private) == record.branch and repository.tip(record.branch) is not None
        way = f"bring it back (rouser restore {record.session[:8]})" if comes_back else stranded.way
        raise HookError(f"{path} is gone, but {stranded.what}; {way}, or use --force")


def _delete_unused_branch(repository: Repository, record: Record) -> None:
    if record.start is None:
        return
    tip = repository.tip(record.branch)
    if tip is not None and not own_commits(repository.git, record.branch, record.start, pushed_too=True):
        remove_abandoned(repository.branch_lock(record.branch), repository.common)
        repository.delete_branch(record.branch, tip)
