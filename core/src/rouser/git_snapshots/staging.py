"""Has a checkout's index replaced by another one, so that whoever is killed at it leaves no lock that stays.

git's own way is a lock file that it makes and renames; one whose git is killed is in the way of every git to come, and
nobody can tell it from one that is held. Here it is a second name of a file that is noted first, so it can be told.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from rouser.errors import HookError
from rouser.git_snapshots.checkout import index_of
from rouser.git_snapshots.running import git

_NOTE: Final = "index-to-be"


def stage(root: Path, commit: str, place: Path) -> None:
    """Have what a commit has for the index of the checkout at ``root``, unless somebody at work has locked it.

    :param place: the directory of whoever works on snapshots, see :func:`rouser.git_snapshots.scratch.scratch`.
    :raises HookError: git fails, or the disk says no; the index is what it was.
    """
    index = index_of(root)
    fresh = index.with_name(f"{index.name}.{place.name}")
    try:
        (place / _NOTE).write_bytes(os.fsencode(fresh))
        variables = {"GIT_INDEX_FILE": str(fresh)}
        git(root, "read-tree", commit, variables=variables)
        with suppress(HookError):  # its exit status says that files differ from it
            git(root, "update-index", "-q", "--refresh", variables=variables)
        _lock_of(fresh).hardlink_to(fresh)
        _lock_of(fresh).replace(index)
    except FileExistsError:
        return
    except OSError as error:
        raise HookError(f"{error.filename or index}: {error.strerror or error}; try again") from error
    finally:
        clear(place)


def clear(place: Path) -> None:
    """Remove what :func:`stage` left that was killed while it worked in the directory ``place``."""
    with suppress(OSError):
        note = place / _NOTE
        fresh = Path(os.fsdecode(note.read_bytes()))
        if fresh.name.endswith(f".{place.name}"):  # else the note is not whole, and nothing was made that it tells of
            for file in (_lock_of(fresh), fresh.with_name(f"{fresh.name}.lock")):
                with suppress(FileNotFoundError):
                    if file != _lock_of(fresh) or file.samefile(fresh):
                        file.unlink()
            fresh.unlink(missing_ok=True)
        note.unlink()


def _lock_of(fresh: Path) -> Path:
    return fresh.with_name("index.lock")
