"""Git commands that hold the lock of whoever changes a repository."""

from __future__ import annotations

import os
from pathlib import Path

from rouser import GitFailedError, GitTimeoutError, run_git
from rouser_worktree.locks import Held


def git(directory: Path, *arguments: str, held: Held | None = None, reserve: float = 0.0) -> str:
    """Run git in ``directory`` and return what it prints, without the last line's end; see :func:`rouser.run_git`.

    :param held: a lock that the process holds too; it is marked as broken if that is killed, and as failed if it
        fails.
    """
    inherited = () if held is None else (held.descriptor,)
    try:
        output = run_git(directory, arguments, reserve=reserve, inherited=inherited)
    except GitTimeoutError:
        if held is not None:
            held.broken = True
        raise
    except GitFailedError as error:
        if held is not None:
            held.broken = held.broken or error.status < 0
            held.failed = held.failed or not error.collided
        raise
    return os.fsdecode(output).removesuffix("\n")


def ask(directory: Path, *arguments: str) -> str | None:
    """Run git in ``directory`` and return the line that it prints; None when its status says no."""
    try:
        return git(directory, *arguments)
    except GitFailedError:
        return None
