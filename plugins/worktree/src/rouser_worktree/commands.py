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


def ask(directory: Path, *arguments: str, no: int = 1) -> str | None:
    """Run git in ``directory`` and return what it prints; None when it says no.

    :param no: the status by which it does. With any other it has answered nothing: it was killed, for one.
    :raises GitFailedError: it ended with another status.
    """
    try:
        return git(directory, *arguments)
    except GitFailedError as error:
        if error.status == no:
            return None
        raise
