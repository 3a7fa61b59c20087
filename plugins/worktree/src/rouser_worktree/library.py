"""GitPython, with every process that it starts under supervision."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rouser_worktree.commands import attempt, require
from rouser_worktree.locks import Held
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
        done = attempt(list(command), self._directory, self._held, self._reserve)
        if options.get("with_exceptions", True):
            require(command, done, self._held)
        output = done.output.removesuffix("\n")
        return (done.status, output, done.errors) if options.get("with_extended_output") else output
