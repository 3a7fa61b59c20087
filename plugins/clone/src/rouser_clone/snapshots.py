"""Snapshots of clones, kept in the repository that they were made from, so that they outlive the clone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rouser import GitSnapshots, HookError, Session, Snapshot, SnapshotPolicy
from rouser_clone.git import git
from rouser_clone.lifecycle import is_clone
from rouser_clone.places import Record, read_record
from rouser_clone.source import HEADS, find_source, is_repository


def take(session: Session, path: Path, reason: str, policy: SnapshotPolicy) -> Snapshot | None:
    """Keep the work in the clone at ``path``, with the commits of all its branches and its stashes.

    :returns: None when there is none that is not kept already.
    :raises HookError: it could not be kept, or what is at ``path`` is no clone any more.
    """
    if not os.path.lexists(path):
        return None
    if not is_clone(path):
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            return None
        raise HookError(f"{path} is no longer a clone, so what it holds cannot be told from anything else")
    own = git(path, "for-each-ref", "--format=%(objectname)", HEADS).split()
    stashed = git(path, "stash", "list", "--format=%H").split()
    return _home(session, path, policy).take(path, reason, [*own, *stashed])


def listed(session: Session) -> Sequence[Snapshot]:
    """Return the session's snapshots, newest first."""
    return snapshots_of(session).all()


def put_back(session: Session, path: Path, number: int, policy: SnapshotPolicy, *, overwrite: bool) -> Sequence[str]:
    """Put the work of a snapshot back into the clone at ``path``.

    :returns: the names of the files that were left as they are.
    :raises HookError: there is no such snapshot, the clone is not usable, or the disk says no.
    """
    if not is_clone(path):
        raise HookError(f"{path} is no usable clone; bring it back: rouser restore {session.short_id}")
    return _home(session, path, policy).put_back(path, number, overwrite=overwrite)


def snapshots_of(session: Session) -> GitSnapshots:
    """Return the session's snapshots, also when its clone is gone.

    :raises HookError: the repository that has them is gone.
    """
    return _home(session, session.workspace_path, None)


def _home(session: Session, path: Path | None, policy: SnapshotPolicy | None) -> GitSnapshots:
    record: Record | None = None if path is None else read_record(path)
    recorded = None if record is None else Path(record.source)
    home = recorded if recorded is not None and is_repository(recorded) else find_source(session.repository).common
    return GitSnapshots(home, session.id, policy, apart=True)
