"""Files beside a worktree that tell that somebody is at work on it, or was killed at that."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

DONE: Final = b"done\n"
"""What stands in the file of a lock that was let go, and that the disk did not let its holder remove."""


def is_made(path: Path) -> bool:
    """Return whether nobody is making or removing the worktree at ``path``, or was killed at it."""
    return not was_left(making_file(path)) and not is_filling(path)


def making_file(path: Path) -> Path:
    """Return the file that is locked by whoever makes or removes the worktree at ``path``."""
    return path.with_name(f".{path.name}.lock")


def was_left(file: Path) -> bool:
    """Return whether a lock is held, or its holder was killed or left something undone."""
    try:
        return file.read_bytes() != DONE
    except FileNotFoundError:
        return False


def is_filling(path: Path) -> bool:
    """Return whether who began with :func:`filling` the directory was killed before it was full."""
    return os.path.lexists(_filling_file(path))


@contextmanager
def filling(path: Path) -> Iterator[None]:
    """Mark a directory that had nothing in it for as long as it is not full: no file in there is anybody's work."""
    file = _filling_file(path)
    file.touch(mode=0o600)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _filling_file(path: Path) -> Path:
    return path.with_name(f".{path.name}.filling")
