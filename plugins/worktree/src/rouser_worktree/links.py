"""How a worktree and its repository refer to each other, read from the files without starting git.

The layout is documented in gitrepository-layout(5) and git-worktree(1): ``PATH/.git`` is a file that names the
worktree's private directory ``COMMON/worktrees/ID``, whose ``gitdir`` names ``PATH/.git`` in turn and whose
``commondir`` names the repository.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final, NamedTuple

from rouser import HookError

_LONGEST: Final = 16_384


class Link(NamedTuple):
    """A worktree and its repository that refer to each other.

    :ivar private: the worktree's own directory in the repository, which holds its index and ``HEAD``.
    :ivar common: the repository: ``.git`` of the main checkout, or a bare repository.
    """

    private: Path
    common: Path


def read_link(path: Path) -> Link | None:
    """Return how the worktree at ``path`` is linked; None when it is no usable worktree.

    :raises HookError: it cannot be known: access is denied, the disk does not answer, ...
    """
    try:
        private = _private_of(path)
        if private is None or not _same_file(_target(private / "gitdir"), path / ".git"):
            return None
        common = common_of(private)
    except OSError as error:
        raise HookError(f"cannot tell whether {path} is a worktree: {error.strerror or error}") from error
    return None if common is None or not (private / "HEAD").is_file() else Link(private, common)


def points_nowhere(path: Path) -> bool:
    """Return whether the ``.git`` of ``path`` is missing, or is a file that is empty or names what is gone."""
    try:
        if not os.path.lexists(path / ".git"):
            return True
        status = (path / ".git").lstat()
        if stat.S_ISREG(status.st_mode) and not status.st_size:  # git was killed before it wrote it
            return True
        target = _target(path / ".git", "gitdir: ")
        return target is not None and not os.path.lexists(target)
    except OSError as error:
        raise HookError(f"cannot read {path / '.git'}: {error.strerror or error}") from error


def find_private(common: Path, path: Path) -> Path | None:
    """Return the private directory that ``common`` keeps for a worktree at ``path``, whether or not that is there."""
    wanted = path.parent.resolve() / path.name / ".git"
    try:
        entries = sorted((common / "worktrees").iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise HookError(f"cannot read the worktrees of {common}: {error.strerror or error}") from error
    for entry in entries:
        target = _target(entry / "gitdir")
        if target is not None and target.parent.parent.resolve() / target.parent.name / ".git" == wanted:
            return entry
    return None


def names_worktree(private: Path) -> bool:
    """Return whether a private directory says where its worktree is."""
    return _target(private / "gitdir") is not None


def write_link(private: Path, path: Path) -> None:
    """Make the ``.git`` file of ``path`` name ``private`` again, as ``git worktree repair`` would.

    :raises OSError: the disk says no.
    """
    fresh = path / ".git.rouser"
    fresh.write_bytes(b"gitdir: " + os.fsencode(private) + b"\n")
    fresh.replace(path / ".git")


def common_of(private: Path) -> Path | None:
    """Return the repository that a private directory belongs to; None when that is gone."""
    common = _target(private / "commondir")
    if common is None:
        return None
    return common.resolve() if is_repository(common) else None


def common_of_git_directory(directory: Path) -> Path | None:
    """Return the repository of what ``git rev-parse --git-dir`` prints; None when it is none.

    :raises OSError: it cannot be read.
    """
    return common_of(directory) or (directory.resolve() if is_repository(directory) else None)


def common_of_directory(directory: Path) -> Path | None:
    """Return the repository that git finds from a directory upwards; None when there is none.

    :raises OSError: it cannot be read.
    """
    for place in (directory, *directory.parents):
        private = _private_of(place)
        common = common_of_git_directory(place / ".git" if private is None else private)
        if common is None:
            common = common_of_git_directory(place)
        if common is not None:
            return common
    return None


def is_repository(common: Path) -> bool:
    """Return whether ``common`` has what git wants to see in a repository."""
    return (common / "HEAD").is_file() and (common / "objects").is_dir() and (common / "refs").is_dir()


def _private_of(path: Path) -> Path | None:
    target = _target(path / ".git", "gitdir: ")
    return None if target is None else target.resolve()


def _target(file: Path, prefix: str = "") -> Path | None:
    """Return the path that ``file`` holds, relative ones taken from where it is; None when it holds none."""
    try:
        if not stat.S_ISREG(file.lstat().st_mode):
            return None
        with file.open("rb") as opened:
            text = os.fsdecode(opened.read(_LONGEST)).rstrip("\r\n")
    except (FileNotFoundError, NotADirectoryError):
        return None
    named = text.removeprefix(prefix)
    return file.parent / named if text.startswith(prefix) and named and "\0" not in named else None


def _same_file(one: Path | None, other: Path) -> bool:
    try:
        return one is not None and one.samefile(other)
    except (FileNotFoundError, NotADirectoryError):
        return False
