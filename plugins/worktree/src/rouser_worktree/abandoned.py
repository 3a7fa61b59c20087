"""Tells the lock file of a git that has died from one that somebody holds, whoever that is and however long ago."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from rouser_worktree.links import common_of_directory, common_of_git_directory

_PROC: Final = Path("/proc")
_WATCHED_SECONDS: Final = 0.3  # most gits hold a lock for milliseconds
_POLL: Final = 0.02
_NAME_A_REPOSITORY: Final = (b"--git-dir", b"GIT_DIR=", b"GIT_COMMON_DIR=")
_NEVER_HOLD: Final = (b"fsmonitor--daemon", b"credential-cache--daemon", b"daemon", b"upload-pack")


def remove_abandoned(file: Path, common: Path) -> None:
    """Remove a lock file of a repository if every git that could hold it ends, and it stays.

    That is each git that runs now on this machine, unless it is known to work on another repository.
    Where the running processes cannot be listed, nothing is removed.

    :param common: the repository's common directory, resolved.
    :raises OSError: the disk says no.
    """
    before = _identity(file)
    if before is None:
        return
    suspects = _running_gits(common)
    if suspects is None:
        return
    give_up = time.monotonic() + _WATCHED_SECONDS
    while time.monotonic() < give_up:
        time.sleep(_POLL)
        if _identity(file) != before:
            return
    survivors = _running_gits(common)
    if survivors is not None and not suspects & survivors and _identity(file) == before:
        file.unlink(missing_ok=True)


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        status = os.lstat(file)
    except (FileNotFoundError, NotADirectoryError):  # a branch rouser leaves no place for a lock on rouser/fix
        return None
    return status.st_ino, status.st_mtime_ns


def _running_gits(common: Path) -> set[tuple[str, bytes]] | None:
    """Return number and start of each git that could hold a lock of ``common``; None where that is not to be known."""
    if not (_PROC / "self" / "stat").exists():
        return None
    found = set()
    for entry in os.scandir(_PROC):
        if entry.name.isdecimal():
            with suppress(OSError):
                stat = Path(entry.path, "stat").read_bytes()
                name, _, rest = stat.partition(b"(")[2].rpartition(b")")
                state, started = rest.split()[0], rest.split()[19]
                words = Path(entry.path, "cmdline").read_bytes().split(b"\0")
                if not name.startswith(b"git") or state in b"ZX" or set(words[1:3]) & set(_NEVER_HOLD):
                    continue
                if not _works_elsewhere(Path(entry.path), words, common):
                    found.add((entry.name, started))
    return found


def _works_elsewhere(process: Path, words: list[bytes], common: Path) -> bool:
    """Return whether a git is known to work on a repository other than ``common``; what is not plain is not known.

    A git that has not changed to its directory yet has no lock yet either.
    """
    try:
        if (process / "ns/mnt").readlink() != Path("/proc/self/ns/mnt").readlink():
            return False  # its paths are those of a container
        variables = (process / "environ").read_bytes().split(b"\0")
        named = [word for word in (*words, *variables) if word.startswith(_NAME_A_REPOSITORY)]
        if not named:
            directory = (process / "cwd").readlink()
            its = common_of_directory(directory) if directory.is_dir() else None  # a deleted one has another name
        else:
            place = Path(os.fsdecode(named[0].partition(b"=")[2]))
            its = common_of_git_directory(place) if place.is_absolute() else None
    except OSError:
        return False
    return its is not None and its != common
