"""Git commands under supervision: within the hook's time, holding its lock, and patient with other gits."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rouser import HookError, time_left
from rouser_worktree.locks import Held
from rouser_worktree.process import Finished, GitTimeoutError, run, seconds_for_git, spoken

_ATTEMPTS: Final = 8
_PAUSE: Final = 0.05
# A lock that is held, or the entry of a worktree that another git is adding or removing: whatever lists the worktrees
# meanwhile finds an entry that is not all there, and gives up (seen with git 2.39).
_COLLISION: Final = (
    r"\.lock': File exists|could not lock config file|failed to read .*/commondir: "
    r"|Invalid path '.*/worktrees/[^/]*': No such file|could not create directory of '.*/worktrees/"
)


class GitFailedError(HookError):
    """A git command ended with a status other than 0; as text, one line that says why.

    :ivar errors: the whole of its error output.
    """

    def __init__(self, command: Sequence[str], done: Finished) -> None:
        super().__init__(f"{spoken(command)} failed: {_essence(done.errors) or f'exit status {done.status}'}")
        self.errors = done.errors


def git(
    directory: Path,
    *arguments: str,
    held: Held | None = None,
    reserve: float = 0.0,
    stdin: bytes = b"",
    variables: Mapping[str, str] | None = None,
) -> str:
    """Run git in ``directory`` and return what it prints.

    This is for what one process answers. GitPython, which :mod:`rouser_worktree.library` puts on the same
    processes, takes longer to import than a spawn's gits take to run.

    :param held: a lock that the process holds too; it is marked as broken if that is killed, and as failed if it
        fails.
    :param reserve: by how many seconds it ends before the hook's deadline.
    :param stdin: what it reads.
    :param variables: added to its environment.
    :raises GitFailedError: it ended with a status other than 0.
    :raises HookError: it could not be started, or did not end in time.
    """
    command = ["git", *arguments]
    done = attempt(command, directory, held, reserve, stdin, variables)
    require(command, done, held)
    return done.output


def ask(directory: Path, *arguments: str) -> str | None:
    """Run git in ``directory`` and return the line that it prints; None when its status says no."""
    done = attempt(["git", *arguments], directory)
    return None if done.status else done.output.removesuffix("\n")


def attempt(
    command: Sequence[str],
    directory: Path,
    held: Held | None = None,
    reserve: float = 0.0,
    stdin: bytes = b"",
    variables: Mapping[str, str] | None = None,
) -> Finished:
    """Do as :func:`git` with a whole command, and return how it ended, whatever its status.

    It is run again while it fails for what another git is doing at this moment.
    """
    inherited = () if held is None else (held.descriptor,)
    for number in range(_ATTEMPTS):
        try:
            done = run(command, directory, seconds_for_git(reserve), inherited, stdin=stdin, variables=variables)
        except GitTimeoutError:
            if held is not None:
                held.broken = True
            raise
        if held is not None and done.status < 0:
            held.broken = True
        if not done.status or not _is_collision(done):
            break
        time.sleep(min(_PAUSE * (number + 1), time_left() / 4))
    return done


def require(command: Sequence[str], done: Finished, held: Held | None) -> None:
    """Raise :class:`GitFailedError` if a command has failed, and mark the lock that it held."""
    if done.status:
        if held is not None:
            held.failed = held.failed or not _is_collision(done)
        raise GitFailedError(command, done)


def _is_collision(done: Finished) -> bool:
    import re  # what goes well needs none

    return re.search(_COLLISION, done.errors) is not None


def _essence(errors: str) -> str:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (telling or lines or [""])[-1].removeprefix("fatal: ").removeprefix("error: ")
