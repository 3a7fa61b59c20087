"""One repository: its branches, and which worktree has them checked out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rouser import HookError
from rouser_worktree.library import GitFailedError, SupervisedGit
from rouser_worktree.locks import Held

HEADS: Final = "refs/heads/"


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository, whichever of its checkouts it was found from.

    :ivar common: its common directory: ``.git`` of the main checkout, or the bare repository itself.
    :ivar held: the lock that whoever changes it holds, and its gits with it. None: nothing is changed.
    """

    common: Path
    held: Held | None = None

    @property
    def git(self) -> SupervisedGit:
        """Git commands on the repository as such."""
        return SupervisedGit(self.common, self.common).holding(self.held)

    def tip(self, branch: str) -> str | None:
        """Return the commit that a local branch is at; None when there is no such branch."""
        status, output, _ = self.git.rev_parse(
            "--verify", "--quiet", f"{HEADS}{branch}^{{commit}}", with_extended_output=True, with_exceptions=False
        )
        return None if status else str(output)

    def branch_lock(self, branch: str) -> Path:
        """Return the file that a git makes to change a branch."""
        return self.common / HEADS / f"{branch}.lock"

    def place_of(self, branch: str) -> Path | None:
        """Return the worktree that has a branch checked out, whether or not it is there; None when none has."""
        for block in self.git.worktree("list", "--porcelain").split("\n\n"):
            lines = block.splitlines()
            if f"branch {HEADS}{branch}" in lines:
                return Path(lines[0].removeprefix("worktree "))
        return None

    def require_free(self, branch: str, but: Path | None = None) -> None:
        """Raise :class:`HookError` that names where a branch is checked out, if it is and not at ``but``."""
        place = self.place_of(branch)
        if place is None or (but is not None and place.resolve() == but.resolve()):
            return
        what = f"branch {branch} is already checked out at {place}"
        if os.path.lexists(place):
            raise HookError(f"{what}; use another branch, or free it there: git switch --detach")
        raise HookError(f"{what}, which is gone; if it is gone for good: git -C {self.common} worktree prune")

    def create_branch(self, branch: str, commit: str) -> None:
        """Create a branch that must not be there yet, following no other."""
        self.git.branch("--no-track", branch, commit)

    def delete_branch(self, branch: str, commit: str) -> None:
        """Delete a branch if it is still at ``commit`` and nowhere checked out."""
        if self.place_of(branch) is None and self.tip(branch) == commit:
            self.git.update_ref("-d", f"{HEADS}{branch}", commit)


def find_repository(directory: Path) -> Repository:
    """Return the repository that ``directory`` is in: a checkout or worktree, below one, or a bare repository.

    :raises HookError: there is no such directory, or no repository around it.
    """
    if not directory.is_dir():
        raise HookError(f"repository {directory} is not there: it was moved or deleted, or its disk is not mounted")
    try:
        named = SupervisedGit(directory).rev_parse("--git-common-dir")
    except GitFailedError as error:
        if "not a git repository" in error.errors:
            raise HookError(f"{directory} is not in a git repository; run git init there, or name another") from error
        raise
    return Repository((directory / named).resolve())


def check_branch_name(directory: Path, branch: str) -> None:
    """Raise :class:`HookError` unless ``branch`` is what git takes as a new branch's name, meaning itself.

    ``git check-ref-format --branch`` refuses what could be an option or not be a ref, and expands ``@{-1}``.
    """
    status, output, _ = SupervisedGit(directory).check_ref_format(
        "--branch", branch, with_extended_output=True, with_exceptions=False
    )
    if status or output != branch:
        raise HookError(f"{branch!r} is no name for a branch; see git help check-ref-format for what is")


def resolve_base(directory: Path, base: str | None) -> str:
    """Return the commit that ``base`` names as seen from ``directory``; what is checked out there for None.

    :raises HookError: there is no such revision, or no commit at all.
    """
    status, output, _ = SupervisedGit(directory).rev_parse(
        "--verify",
        "--quiet",
        "--end-of-options",
        f"{'HEAD' if base is None else base}^{{commit}}",
        with_extended_output=True,
        with_exceptions=False,
    )
    if not status:
        return str(output)
    if base is None:
        raise HookError(f"{directory} has no commits yet; commit something first, then try again")
    raise HookError(f"base {base!r} is no commit, branch or tag in {directory}; name one that git rev-parse knows")
