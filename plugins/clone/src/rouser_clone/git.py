"""Git commands, with some of the hook's time kept to clear up after one that does not end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from rouser import GitFailedError, HookError, run_git

_RESERVE: Final = 5.0


def git(directory: Path, *arguments: str, stdin: str = "", held: int | None = None) -> str:
    """Run a git command in ``directory`` and return what it prints as text, without the last line's end.

    :param held: a descriptor that it keeps open.
    :raises GitFailedError: it failed; why is in the message.
    :raises HookError: it could not be started, or did not end in time.
    """
    inherited = () if held is None else (held,)
    output = run_git(directory, arguments, os.fsencode(stdin), reserve=_RESERVE, inherited=inherited)
    return os.fsdecode(output).removesuffix("\n")


def answer(directory: Path, *arguments: str) -> str | None:
    """Return what a git command prints; None when it ends with status 1 or 128: no, or no such thing."""
    try:
        return git(directory, *arguments)
    except GitFailedError as error:
        if error.status in {1, 128}:
            return None
        raise


def count(directory: Path, *arguments: str, stdin: str = "") -> int:
    """Return the number of commits that ``git rev-list`` finds.

    :raises HookError: it failed, or says something else.
    """
    said = git(directory, "rev-list", "--count", *arguments, stdin=stdin)
    if not said.isdecimal():
        raise HookError(f"git rev-list says {said[:80]!r}, which is no number; check the git in PATH")
    return int(said)
