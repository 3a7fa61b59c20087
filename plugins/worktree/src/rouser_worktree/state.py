"""What the private directory of a worktree tells of it, whether or not the worktree itself is there."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from rouser_worktree.commands import ask, git
from rouser_worktree.repository import HEADS

_EXACTLY: Final = ("--ita-invisible-in-index", "--ignore-submodules=none", "--no-renames", "--name-only", "-z")
_GOES_BACK: Final = ("rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START")


def head_branch(private: Path) -> str | None:
    """Return the branch that a worktree has checked out, whether or not its directory is there."""
    named = ask(private, f"--git-dir={private}", "symbolic-ref", "--quiet", "HEAD")
    return None if named is None else named.removeprefix(HEADS)


def branch_of(private: Path) -> str | None:
    """Return the branch that a worktree is on, also while a rebase or a bisection of it has none checked out."""
    branch = head_branch(private)
    if branch is not None:
        return branch
    for name in _GOES_BACK:
        with suppress(FileNotFoundError, NotADirectoryError):
            return (private / name).read_text(errors="replace").strip().removeprefix(HEADS)
    return None


def staged_files(directory: Path) -> int:
    """Return how many files in the index of a git directory differ from its ``HEAD``; its files are not looked at."""
    if not (directory / "index").exists():
        return 0
    if _ask(directory, "rev-parse", "--verify", "--quiet", "HEAD") is None:
        return len(_names(directory, "ls-files", "-z"))
    return len(_names(directory, "diff-index", "--cached", *_EXACTLY, "HEAD", "--"))


def conflicts(directory: Path) -> list[str]:
    """Return the names that the index of a git directory has conflicts under."""
    if not (directory / "index").exists():
        return []
    return sorted({entry.partition("\t")[2] for entry in _names(directory, "ls-files", "--unmerged", "-z")})


def _names(directory: Path, *arguments: str) -> list[str]:
    output = git(directory, *_without_files(directory), *arguments)
    return [name for name in output.split("\0") if name]


def _ask(directory: Path, *arguments: str) -> str | None:
    return ask(directory, *_without_files(directory), *arguments)


def _without_files(directory: Path) -> tuple[str, str]:
    """Return the options for a git directory whose work tree is gone: git wants one that is there, whatever it has."""
    return f"--git-dir={directory}", f"--work-tree={directory}"
