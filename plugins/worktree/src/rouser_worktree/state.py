"""What the private directory of a worktree tells of it, whether or not the worktree itself is there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rouser_worktree.commands import ask
from rouser_worktree.repository import HEADS

_UNDER_WAY: Final = {
    "MERGE_HEAD": "a merge",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "BISECT_LOG": "a bisection",
}


def under_way(private: Path) -> str:
    """Return what was begun and not finished in the worktree of a private directory, like ``a merge``."""
    return next((name for file, name in _UNDER_WAY.items() if (private / file).exists()), "")


def head_branch(private: Path) -> str | None:
    """Return the branch that a worktree has checked out, whether or not its directory is there."""
    named = ask(private, f"--git-dir={private}", "symbolic-ref", "--quiet", "HEAD")
    return None if named is None else named.removeprefix(HEADS)
