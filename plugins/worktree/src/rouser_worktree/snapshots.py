"""Snapshots of worktrees, in the repository that they belong to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rouser import GitSnapshots, HookError, Session, Snapshot, SnapshotPolicy
from rouser_worktree.commands import git
from rouser_worktree.links import Link, find_private, is_repository, points_nowhere, read_link, write_link
from rouser_worktree.marks import is_filling, is_made
from rouser_worktree.records import read_record


def take(session: Session, path: Path, reason: str, policy: SnapshotPolicy) -> Snapshot | None:
    """Keep the work in the worktree at ``path``; one that has only lost its ``.git`` file gets that back.

    :returns: None when there is none that is not kept already.
    :raises HookError: it could not be kept, or what is at ``path`` is no worktree any more.
    """
    record = read_record(path)
    if not os.path.lexists(path) or is_filling(path) or (record is not None and not record.ready):
        return None  # one that is half made is nobody's work
    link = read_link(path) or _mended(path, None if record is None else Path(record.repository))
    if link is None:
        if not is_made(path) or (path.is_dir() and not path.is_symlink() and not any(path.iterdir())):
            return None
        raise HookError(f"{path} is no longer a worktree, so what it holds cannot be told from anything else")
    return snapshots_in(link.common, session.id, policy).take(path, reason)


def listed(session: Session) -> Sequence[Snapshot]:
    """Return the session's snapshots, newest first."""
    return snapshots_of(session).all()


def put_back(session: Session, path: Path, number: int, policy: SnapshotPolicy, *, overwrite: bool) -> Sequence[str]:
    """Put the work of a snapshot back into the worktree at ``path``.

    :returns: the names of the files that were left as they are.
    :raises HookError: there is no such snapshot, the worktree is not usable, or the disk says no.
    """
    link = read_link(path)
    if link is None:
        raise HookError(f"{path} is no usable worktree; bring it back: rouser restore {session.short_id}")
    return snapshots_in(link.common, session.id, policy).put_back(path, number, overwrite=overwrite)


def snapshots_of(session: Session) -> GitSnapshots:
    """Return the session's snapshots in the repository that has them, also when its worktree is gone.

    :raises HookError: the repository is gone.
    """
    record = None if session.workspace_path is None else read_record(session.workspace_path)
    if record is not None and is_repository(Path(record.repository)):
        return snapshots_in(Path(record.repository), session.id)
    if not session.repository.is_dir():
        raise HookError(f"repository {session.repository} is not there: it was moved or deleted")
    named = git(session.repository, "rev-parse", "--git-common-dir")
    return snapshots_in((session.repository / named).resolve(), session.id)


def snapshots_in(common: Path, session_id: str, policy: SnapshotPolicy | None = None) -> GitSnapshots:
    """Return a session's snapshots in the repository whose common directory is ``common``."""
    return GitSnapshots(common, session_id, policy)


def _mended(path: Path, repository: Path | None) -> Link | None:
    private = None if repository is None else find_private(repository, path)
    if private is None or not path.is_dir() or path.is_symlink() or not points_nowhere(path):
        return None
    if not any(path.iterdir()):
        return None
    write_link(private, path)
    return read_link(path)
