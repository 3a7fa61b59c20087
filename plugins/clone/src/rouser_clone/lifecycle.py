"""Create, judge, restore and remove clones."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from rouser import HookError, Session
from rouser_clone.cloning import clone, holds_something, remove_tree
from rouser_clone.places import Record, beside, place_for, read_record, working_on
from rouser_clone.source import HEADS, Source, check_branch_name, find_source, is_repository, resolve_base
from rouser_clone.work import describe


def create(base: Path, session: Session, directory: Path, branch: str, revision: str | None) -> Path:
    """Return the session's clone, made now unless an earlier call has made it.

    :param base: the directory that has all clones.
    :param directory: a directory in the repository.
    :param branch: checked out as it is in the repository when it is there, else created from ``revision``.
    :param revision: None for what ``directory`` has checked out.
    :raises HookError: it could not be made; nothing of it is left behind.
    """
    source = find_source(directory)
    check_branch_name(directory, branch)
    path = place_for(base, source.common, session)
    with working_on(path) as held:
        if not is_clone(path):
            record = read_record(path)
            if record is not None and holds_something(path):
                raise HookError(f"{path} is no longer a clone; look into it, move it elsewhere, then try again")
            start = None if source.has(branch) else resolve_base(directory, revision)
            made = Record(session=session.id, source=str(source.common), branch=branch, start=start)
            clone(source, path, made, start or "", held)
    return path


def is_clone(path: Path) -> bool:
    """Return whether there is a repository at ``path``, with its own objects and not in another's."""
    return not path.is_symlink() and not (path / ".git").is_symlink() and is_repository(path / ".git")


def restore(session: Session, path: Path, lost: str | None) -> Path:
    """Clone again to ``path``, from the session's branch in the source, or as it was pushed, or as a snapshot knows it.

    :param lost: the commit that the branch was at when the newest snapshot of it was taken. None: there is none.

    :returns: ``path``.
    :raises HookError: there is no such branch, or something is in the way; nothing was changed.
    """
    if is_clone(path):
        return path
    record = read_record(path)
    source = Source(Path(record.source)) if record else None
    if source is None or not is_repository(source.common):
        source = find_source(session.repository)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with working_on(path) as held:
        if holds_something(path):
            raise HookError(f"{path} is in the way, and is not the clone of {session.branch}; move it, then try again")
        has = source.has(session.branch)
        begin = "" if has else source.remote_with(session.branch)
        if lost is not None and (begin is None or source.precedes(begin or f"{HEADS}{session.branch}", lost)):
            begin = lost
        if begin is None:
            again = record.start if record and record.start else "COMMIT"
            raise HookError(
                f"branch {session.branch} was never pushed to {source.common}, and what was committed in {path} is gone"
                f" with it; to begin anew: git -C {source.common} branch {session.branch} {again}, or: "
                f"rouser rm {session.short_id}"
            )
        start = record.start if record else None
        made = Record(session=session.id, source=str(source.common), branch=session.branch, start=start)
        clone(source, path, made, begin, held)
    return path


def destroy(base: Path, path: Path, *, force: bool) -> None:
    """Remove the clone at ``path`` and what is remembered of it.

    :param base: the directory that has all clones; nothing outside of it is ever removed.
    :param force: also if it holds work that exists nowhere else.
    :raises HookError: it was not made by this plugin, it holds such work, or it could not be removed.
    """
    place = path.parent.resolve() / path.name
    is_there = os.path.lexists(place)
    record = read_record(place) if place.parent.parent == base.resolve() else None
    if record is None:
        if is_there:
            raise HookError(f"{path} was not made by rouser below {base}, so it is not removed; do it by hand")
        return
    if place.is_symlink():
        raise HookError(f"{path} is a symbolic link, not a clone; remove the link by hand")
    with working_on(place):
        if is_there and not force:
            _require_no_work(place, record)
        _remove_whole(place)
        beside(place, "json").unlink(missing_ok=True)


def _remove_whole(path: Path) -> None:
    """Remove a clone so that whoever is stopped at it leaves all of it, or nothing in its place.

    :raises HookError: some of it could not be deleted; whoever makes or removes this clone next goes on with it.
    """
    aside = beside(path, "new")
    remove_tree(aside)
    try:
        path.rename(aside)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno != errno.EXDEV:  # which is what a directory of a lower layer of overlayfs is renamed with
            raise HookError(f"{path} could not be removed: {error.strerror}") from error
        remove_tree(path)
    remove_tree(aside)


def _require_no_work(path: Path, record: Record) -> None:
    if is_clone(path):
        work = describe(path, Source(Path(record.source)))
        if work != "clean":
            raise HookError(f"{path}: {work}; commit and push it, or use --force")
    elif holds_something(path):
        raise HookError(f"{path} is no longer a clone, so what it holds is not known; look into it, then use --force")
