"""How a worktree and its repository refer to each other, read from the files without starting git.

The layout is documented in gitrepository-layout(5) and git-worktree(1): ``PATH/.git`` is a file that names the
worktree's private directory ``COMMON/worktrees/ID``, whose ``gitdir`` names ``PATH/.git`` in turn and whose
``commondir`` names the repository.
"""

import errno
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
    found = _linked(path)
    return None if found is None else Link(Path(found[0]).resolve(), Path(found[1]).resolve())


def is_linked(path: Path) -> bool:
    """Return whether the worktree at ``path`` is usable; raises like :func:`read_link`."""
    return _linked(path) is not None


def _linked(path: Path) -> tuple[str, str] | None:
    try:
        private = _target(f"{path}/.git", "gitdir: ")
        if private is None or not _same_file(_target(f"{private}/gitdir"), f"{path}/.git"):
            return None
        common = _target(f"{private}/commondir")
        if common is None or not is_repository(common):
            return None
        return (private, common) if _kind(f"{private}/HEAD") == stat.S_IFREG else None
    except OSError as error:
        raise HookError(f"cannot tell whether {path} is a worktree: {error.strerror or error}") from error


def points_nowhere(path: Path) -> bool:
    """Return whether the ``.git`` of ``path`` is missing, or is a file that is empty or names what is gone."""
    try:
        if not os.path.lexists(path / ".git"):
            return True
        status = (path / ".git").lstat()
        if stat.S_ISREG(status.st_mode) and not status.st_size:  # git was killed before it wrote it
            return True
        target = _target(f"{path}/.git", "gitdir: ")
        return target is not None and not os.path.lexists(target)
    except OSError as error:
        raise HookError(f"cannot read {path / '.git'}: {error.strerror or error}") from error


def find_private(common: Path, path: Path) -> Path | None:
    """Return the private directory that ``common`` keeps for a worktree at ``path``, whether or not that is there."""
    wanted = path.parent.resolve() / path.name / ".git"
    try:
        names = os.listdir(common / "worktrees")  # noqa: PTH208 - there may be thousands
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise HookError(f"cannot read the worktrees of {common}: {error.strerror or error}") from error
    # Git calls the first one of a name by that, those to follow by it and a number.
    for name in sorted(names, key=lambda name: (not name.startswith(path.name), name)):
        named = _target(f"{common}/worktrees/{name}/gitdir")
        if named is None or f"/{path.name}/" not in named:
            continue
        target = Path(named)
        if target.parent.parent.resolve() / target.parent.name / ".git" == wanted:
            return common / "worktrees" / name
    return None


def names_worktree(private: Path) -> bool:
    """Return whether a private directory says where its worktree is."""
    return _target(f"{private}/gitdir") is not None


def write_link(private: Path, path: Path) -> None:
    """Make the ``.git`` file of ``path`` name ``private`` again, as ``git worktree repair`` would.

    :raises OSError: the disk says no.
    """
    fresh = path / ".git.rouser"
    fresh.write_bytes(b"gitdir: " + os.fsencode(private) + b"\n")
    fresh.replace(path / ".git")


def git_directory(path: Path) -> Path | None:
    """Return the repository of a checkout, which is its ``.git`` or is named there; None when there is none."""
    named = _target(f"{path}/.git", "gitdir: ")
    place = path / ".git" if named is None else Path(named)
    return place if is_repository(place) else None


def common_of(private: Path) -> Path | None:
    """Return the repository that a private directory belongs to; None when that is gone."""
    common = _target(f"{private}/commondir")
    return None if common is None or not is_repository(common) else Path(common).resolve()


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
        private = _target(f"{place}/.git", "gitdir: ")
        common = common_of_git_directory(place / ".git" if private is None else Path(private).resolve())
        if common is None:
            common = common_of_git_directory(place)
        if common is not None:
            return common
    return None


def is_repository(common: Path | str) -> bool:
    """Return whether ``common`` has what git wants to see in a repository."""
    wanted = {"HEAD": stat.S_IFREG, "objects": stat.S_IFDIR, "refs": stat.S_IFDIR}
    return all(_kind(f"{common}/{name}") == kind for name, kind in wanted.items())


def _kind(path: str) -> int:
    """Return what is at ``path``, links followed, as ``stat(2)`` names it; 0 for nothing."""
    try:
        return stat.S_IFMT(os.stat(path).st_mode)  # noqa: PTH116 - a restore of many looks at thousands
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            return 0
        raise


def _target(file: str, prefix: str = "") -> str | None:
    """Return the path that ``file`` holds, relative ones taken from where it is; None when it holds none."""
    try:
        if not stat.S_ISREG(os.lstat(file).st_mode):
            return None
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            text = os.fsdecode(os.read(descriptor, _LONGEST)).rstrip("\r\n")
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError):
        return None
    named = text.removeprefix(prefix)
    is_path = text.startswith(prefix) and named and "\0" not in named
    return (named if named.startswith("/") else f"{file.rpartition('/')[0]}/{named}") if is_path else None


def _same_file(one: str | None, other: str) -> bool:
    try:
        return one is not None and os.path.samestat(os.stat(one), os.stat(other))  # noqa: PTH116 - as in _kind()
    except (FileNotFoundError, NotADirectoryError):
        return False
