"""GitPython, with every process that it starts under supervision."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rouser import HookError, time_left
from rouser_worktree.locks import Held
from rouser_worktree.process import Finished, GitTimeoutError, run, seconds_for_git, spoken
from rouser_worktree.version import require_git

require_git()  # under a deadline, before the import of GitPython runs the same command without one
_before = os.environ.get("GIT_PYTHON_REFRESH")
os.environ["GIT_PYTHON_REFRESH"] = "quiet"
try:
    import git
finally:
    if _before is None:
        os.environ.pop("GIT_PYTHON_REFRESH", None)
    else:
        os.environ["GIT_PYTHON_REFRESH"] = _before


_ATTEMPTS: Final = 8
_PAUSE: Final = 0.05
# A lock that is held, or the entry of a worktree that another git is adding or removing: whatever lists the worktrees
# meanwhile finds an entry that is not all there, and gives up (seen with git 2.39).
_COLLISION: Final = re.compile(
    r"\.lock': File exists|could not lock config file|failed to read .*/commondir: "
    r"|Invalid path '.*/worktrees/[^/]*': No such file|could not create directory of '.*/worktrees/"
)


class GitFailedError(git.GitCommandError, HookError):
    """A git command ended with a status other than 0; as text, one line that says why.

    :ivar errors: the whole of its error output.
    """

    def __init__(self, command: Sequence[str], status: int, errors: str) -> None:
        super().__init__(list(command), status, errors)
        self.errors = errors
        self._line = f"{spoken(command)} failed: {_essence(errors) or f'exit status {status}'}"

    def __str__(self) -> str:
        return self._line


class SupervisedGit(git.Git):
    """GitPython's command interface (``git.worktree("list")``) on processes that cannot outlive their deadline.

    GitPython's own ``kill_after_timeout`` asks ``ps`` for a process's children before it kills them, which misses
    what starts meanwhile, and then waits for pipes that a survivor may hold; and its ``env`` can add variables
    but not remove those of another repository. Its ``Repo`` reads the latter too, so it is not used.
    """

    __slots__ = ("_directory", "_held", "_reserve")

    def __init__(self, directory: Path, git_dir: Path | None = None) -> None:
        super().__init__(str(directory))
        self._directory = directory  # GitPython's own has $VARIABLES and ~ in it expanded
        self._held: Held | None = None
        self._reserve = 0.0
        if git_dir is not None:
            self.set_persistent_git_options(git_dir=str(git_dir))

    def holding(self, held: Held | None, reserve: float = 0.0) -> SupervisedGit:
        """Let the processes inherit a lock, and end them ``reserve`` seconds before the deadline.

        If one of them is killed, the lock is marked as broken.
        """
        self._held = held
        self._reserve = reserve
        return self

    def execute(self, command: Sequence[str], **options: Any) -> Any:  # type: ignore[override]
        """Run ``command`` as :meth:`git.Git.execute` would, within the time that the hook has left.

        It is run again while it fails for what another git is doing at this moment.

        :param options: of ``with_extended_output`` and ``with_exceptions`` the meaning is GitPython's.
        :raises GitFailedError: git ended with a status other than 0.
        :raises HookError: git could not be started, or did not end in time.
        """
        if unknown := options.keys() - {"with_extended_output", "with_exceptions"}:
            raise TypeError(f"not supported here: {', '.join(sorted(unknown))}")
        for attempt in range(_ATTEMPTS):
            done = self._run(list(command))
            if not done.status or not _COLLISION.search(done.errors):
                break
            time.sleep(min(_PAUSE * (attempt + 1), time_left() / 4))
        if done.status and options.get("with_exceptions", True):
            if self._held is not None:
                self._held.failed = self._held.failed or not _COLLISION.search(done.errors)
            raise GitFailedError(command, done.status, done.errors)
        output = done.output.removesuffix("\n")
        return (done.status, output, done.errors) if options.get("with_extended_output") else output

    def _run(self, command: list[str]) -> Finished:
        held = self._held
        inherited = () if held is None else (held.descriptor,)
        try:
            done = run(command, self._directory, seconds_for_git(self._reserve), inherited)
        except GitTimeoutError:
            if held is not None:
                held.broken = True
            raise
        if held is not None and done.status:
            held.broken = held.broken or done.status < 0
        return done


def _essence(errors: str) -> str:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (telling or lines or [""])[-1].removeprefix("fatal: ").removeprefix("error: ")
