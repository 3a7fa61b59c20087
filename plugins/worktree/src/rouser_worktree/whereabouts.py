"""Follows a repository that was moved: its place is written down while a worktree, repaired by git, still names it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from rouser import HookError

_LONGEST: Final = 16_384


def follow(path: Path, private: str) -> None:
    """Write down where the repository of the usable worktree at ``path`` is now, if it is not where it was.

    Once the worktree is lost, nothing else knows. What cannot be written is left to the next time.

    :param private: the worktree's private directory, as its ``.git`` names it.
    """
    with suppress(OSError, HookError):
        # Looked for as it is, without parsing the record: every restore of a worktree that is there comes by here.
        if os.fsencode(f'"{private.rpartition("/worktrees/")[0]}"') not in _record(path):
            _write(path)


def _record(path: Path) -> bytes:
    directory, name = os.path.split(path)
    descriptor = os.open(f"{directory}/.{name}.json", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _LONGEST)
    finally:
        os.close(descriptor)


def _write(path: Path) -> None:
    from dataclasses import replace

    from rouser_worktree.links import is_repository, read_link
    from rouser_worktree.locks import claiming
    from rouser_worktree.records import read_record, write_record

    link, record = read_link(path), read_record(path)
    if link is None or record is None or is_repository(record.repository):
        return
    # Not the lock on making it: who sees that held takes the worktree for half made.
    with claiming(path.parent, link.common, record.branch):
        if read_record(path) == record:
            write_record(path, replace(record, repository=str(link.common)))
