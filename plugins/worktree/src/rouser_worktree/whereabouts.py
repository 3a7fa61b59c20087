"""Follows a repository that was moved: its place is written down while a worktree, repaired by git, still names it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rouser_worktree.links import is_repository, read_link
from rouser_worktree.locks import claiming
from rouser_worktree.records import read_record, write_record


def follow(path: Path) -> None:
    """Write down where the repository of the usable worktree at ``path`` is now, if it is not where it was.

    Once the worktree is lost, nothing else knows.

    :raises OSError: it could not be written.
    :raises HookError: another is at it, or it cannot be read.
    """
    link, record = read_link(path), read_record(path)
    if link is None or record is None or is_repository(record.repository):
        return
    # Not the lock on making it: who sees that held takes the worktree for half made.
    with claiming(path.parent, link.common, record.branch):
        if read_record(path) == record:
            write_record(path, replace(record, repository=str(link.common)))
