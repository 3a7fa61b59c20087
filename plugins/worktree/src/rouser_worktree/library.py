"""GitPython, with every process that it starts under supervision."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rouser import require_git
from rouser_worktree.commands import git as run
from rouser_worktree.locks import Held

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

    __slots__ = ("_directory", "_held")

    def __init__(self, directory: Path, git_dir: Path | None = None) -> None:
        super().__init__(str(directory))
        self._directory = directory  # GitPython's own has $VARIABLES and ~ in it expanded
        self._held: Held | None = None
        if git_dir is not None:
            self.set_persistent_git_options(git_dir=str(git_dir))

    def holding(self, held: Held | None) -> SupervisedGit:
        """Let the processes inherit a lock; see :func:`rouser_worktree.commands.git`."""
        self._held = held
        return self

    def execute(self, command: Sequence[str], **options: Any) -> Any:  # type: ignore[override]
        """Run ``command`` as :meth:`git.Git.execute` would, within the time that the hook has left.

        :raises GitFailedError: git ended with a status other than 0.
        :raises HookError: git could not be started, or did not end in time.
        """
        if options:
            raise TypeError(f"not supported here: {', '.join(sorted(options))}")
        return run(self._directory, *command[1:], held=self._held)
