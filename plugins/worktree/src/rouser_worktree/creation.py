"""Make the worktree of a new session, once, however often it is asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rouser import HookError, Session, is_valid_name
from rouser_worktree.base import directory_name, make_private
from rouser_worktree.checkout import add, discard, holds_something, is_complete
from rouser_worktree.links import read_link
from rouser_worktree.locks import Held, claiming, making
from rouser_worktree.records import Record, read_record, write_record
from rouser_worktree.remains import clear
from rouser_worktree.repository import Repository, check_branch_name, find_repository, resolve_base
from rouser_worktree.restoration import restore_held


def create(base: Path, session: Session, directory: Path, branch: str, revision: str | None) -> Path:
    """Return the session's worktree, made now unless an earlier call has made it.

    :param base: the directory that has all worktrees.
    :param directory: a directory in the repository.
    :param branch: checked out as it is when it exists, else created from ``revision``.
    :param revision: None for what ``directory`` has checked out.
    :raises HookError: it could not be made; nothing of it is left behind.
    """
    if not is_valid_name(session.id):
        raise HookError(f"session id {session.id!r} cannot name a directory")
    repository = find_repository(directory)
    check_branch_name(directory, branch)
    home = base / directory_name(repository.common)
    make_private(base)
    make_private(home)
    path = _place(home, session)
    with making(path) as held:
        repository = replace(repository, held=held)
        clear(repository, path, branch)
        record = read_record(path)
        if record is not None and record.ready:
            return path if read_link(path) else restore_held(session, repository, path, record)
        with claiming(home, repository.common, branch):
            if record is not None:
                if record.branch == branch and is_complete(path):  # only the note that it is ready was missing
                    write_record(path, replace(record, ready=True))
                    return path
                discard(path, record, held)
            plan = Record(
                session=session.id,
                repository=str(repository.common),
                branch=branch,
                start=_start(repository, directory, branch, revision),
                ready=False,
            )
            _make(repository, path, plan, held)
    return path


def _place(home: Path, session: Session) -> Path:
    """Return the session's directory: where it already is, else named by the short id, else by the full one."""
    for path in (home / session.short_id, home / session.id):
        record = read_record(path)
        if (record is None and not holds_something(path)) or (record is not None and record.session == session.id):
            return path
    raise HookError(f"{home / session.id} is in the way; move it elsewhere, then try again")


def _start(repository: Repository, directory: Path, branch: str, revision: str | None) -> str | None:
    """Return the commit to create the branch at; None when it is there and free."""
    if repository.tip(branch) is None:
        return resolve_base(directory, revision)
    repository.require_free(branch)
    return None


def _make(repository: Repository, path: Path, plan: Record, held: Held) -> None:
    undo = replace(plan, start=None)
    try:
        # First, so that a branch whose maker is killed is known to be ours.
        write_record(path, plan)
        if plan.start is not None:
            repository.create_branch(plan.branch, plan.start)
        undo = plan  # whoever created the branch may delete it again; one that was killed may have, too
        add(repository, path, plan.branch)
        write_record(path, replace(plan, ready=True))
    except BaseException as error:
        try:
            discard(path, plan if held.broken else undo, held)
        except Exception as second:
            raise HookError(f"{error}; what it left at {path} could not be removed: {second}") from error
        raise
