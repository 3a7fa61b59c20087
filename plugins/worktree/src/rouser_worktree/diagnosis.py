"""What ``rouser doctor`` tells of git and of the directory that has the worktrees."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from rouser import Diagnosis, HookError, require_git
from rouser_worktree.links import read_link
from rouser_worktree.records import read_record, recorded_paths


def diagnose(base: Path) -> Iterator[Diagnosis]:
    """Yield the findings: git, the base directory, and each worktree that is gone or broken."""
    yield _git()
    yield _base(base)
    yield from _broken(base)


def _git() -> Diagnosis:
    try:
        return Diagnosis(subject="git", ok=True, message=f"git {require_git()}")
    except HookError as error:
        return Diagnosis(subject="git", ok=False, message=str(error), remedy="install git 2.30 or later")


def _base(base: Path) -> Diagnosis:
    subject = "worktree base"
    existing = next(directory for directory in (base, *base.parents) if directory.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        remedy = f"make {existing} a directory that you may write to, or set another base in [plugins.worktree]"
        return Diagnosis(subject=subject, ok=False, message=f"{base} cannot be written to", remedy=remedy)
    if existing != base:
        return Diagnosis(subject=subject, ok=True, message=f"{base} will be created when it is needed")
    if stat.S_IMODE(base.stat().st_mode) & 0o022:
        message = f"{base} can be written to by others"
        return Diagnosis(subject=subject, ok=False, message=message, remedy=f"chmod go-w {base}")
    return Diagnosis(subject=subject, ok=True, message=str(base))


def _broken(base: Path) -> Iterator[Diagnosis]:
    for path in recorded_paths(base):
        record = read_record(path)
        if record is None:
            message, session = f"the record of {path} is unreadable", path.name
        elif read_link(path) is None:
            message, session = f"{path} is gone or broken", record.session[:8]
        else:
            continue
        remedy = f"rouser restore {session}, or: rouser rm {session}"
        yield Diagnosis(subject="worktree", ok=False, message=message, remedy=remedy)
