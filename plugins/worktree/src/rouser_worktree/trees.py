"""Delete directories; a worktree is first taken out of its place, so that there it is whole or gone."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from rouser import HookError


def remove_worktree(path: Path) -> None:
    """Have nothing at ``path`` any more, then delete what was there.

    Whoever is killed at it, or told no by the disk, leaves a worktree that can be kept and used, or none.

    :raises HookError: some of what was there could not be deleted; :func:`remove_aside` goes on with it.
    :raises OSError: it could not be taken out of its place, and is what it was.
    """
    remove_aside(path)
    try:
        path.rename(_aside(path))
    except OSError as error:
        if error.errno != errno.EXDEV:  # which is what a directory of a lower layer of overlayfs is renamed with
            raise
        remove_tree(path)
    remove_aside(path)


def remove_aside(path: Path) -> None:
    """Delete what whoever removed the worktree at ``path`` took out of its place and did not delete.

    :raises HookError: some of it could not be deleted.
    """
    remove_tree(_aside(path))


def remove_tree(path: Path) -> None:
    """Remove a directory and what is in it, if it is there."""
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise HookError(
            f"{error.filename or path} could not be removed: {error.strerror or error}; remove {path} by hand"
        ) from error


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.removed")
