"""One repository: its branches, and which worktree has them checked out."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rouser import GitFailedError, HookError, require_git
from rouser_worktree.commands import ask, git
from rouser_worktree.links import is_repository, read_link
from rouser_worktree.locks import Held

if TYPE_CHECKING:
    from rouser_worktree.library import SupervisedGit

HEADS: Final = "refs/heads/"
_TIP: Final = ("rev-parse", "--verify", "--quiet")


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
        from rouser_worktree.library import SupervisedGit

        return SupervisedGit(self.common, self.common).holding(self.held)

    def run(self, *arguments: str, reserve: float = 0.0) -> str:
        """Run one git command on the repository as such; see :func:`~rouser_worktree.commands.git`."""
        return git(self.common, f"--git-dir={self.common}", *arguments, held=self.held, reserve=reserve)

    def tip(self, branch: str) -> str | None:
        """Return the commit that a local branch is at; None when there is no such branch."""
        return ask(self.common, f"--git-dir={self.common}", *_TIP, f"{HEADS}{branch}^{{commit}}")

    def branch_lock(self, branch: str) -> Path:
        """Return the file that a git makes to change a branch."""
        return self.common / HEADS / f"{branch}.lock"

    def place_of(self, branch: str) -> Path | None:
        """Return the worktree that has a branch checked out, whether or not it is there; None when none has."""
        for block in self.run("worktree", "list", "--porcelain").split("\n\n"):
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
        if but is not None and _was_at(but, place):
            raise HookError(f"{what}, where the worktree was moved from {but}; move it back: {self._way(place, but)}")
        if os.path.lexists(place):
            raise HookError(f"{what}; use another branch, or free it there: git switch --detach")
        raise HookError(f"{what}, which is gone; if it is gone for good: git -C {self.common} worktree prune")

    def _way(self, place: Path, path: Path) -> str:
        """Return the command that moves a worktree to ``path``; into a directory that is there, it would move it."""
        from shlex import quote

        make_room = f"rmdir {quote(str(path))} && " if path.is_dir() else ""
        return f"{make_room}git -C {quote(str(self.common))} worktree move {quote(str(place))} {quote(str(path))}"

    def create_branch(self, branch: str, commit: str) -> None:
        """Create a branch that must not be there yet, following no other.

        :raises HookError: it could not be made, as where another branch has the place of its directory.
        """
        try:
            self.run("branch", "--no-track", branch, commit)
        except GitFailedError as error:
            other = self._in_the_way_of(branch)
            if other is None:
                raise
            raise HookError(
                f"branch {branch} cannot be made beside branch {other}; "
                f"rename that (git -C {self.common} branch -m {other} NAME), or use another branch"
            ) from error

    def _in_the_way_of(self, branch: str) -> str | None:
        """Return a branch that leaves git no place for another: ``rouser`` or ``rouser/fix/it`` for ``rouser/fix``."""
        parents = [branch[:index] for index, letter in enumerate(branch) if letter == "/"]
        above = next((parent for parent in parents if self.tip(parent) is not None), None)
        return (
            above or self.run("for-each-ref", "--count=1", "--format=%(refname:lstrip=2)", f"{HEADS}{branch}/") or None
        )

    def delete_branch(self, branch: str, commit: str) -> None:
        """Delete a branch if it is still at ``commit`` and nowhere checked out."""
        if self.place_of(branch) is None and self.tip(branch) == commit:
            self.run("update-ref", "-d", f"{HEADS}{branch}", commit)


def _was_at(path: Path, place: Path) -> bool:
    """Return whether the worktree at ``place`` was made at ``path``: git names its entry by that, and by a number."""
    link = read_link(place)
    return link is not None and re.fullmatch(re.escape(path.name) + r"\d*", link.private.name) is not None


def find_repository(directory: Path) -> Repository:
    """Return the repository that ``directory`` is in: a checkout or worktree, below one, or a bare repository.

    :raises HookError: there is no such directory, or no repository around it.
    """
    _require_directory(directory)
    try:
        named = git(directory, "rev-parse", "--git-common-dir")
    except GitFailedError as error:
        if "not a git repository" in error.errors:
            raise HookError(f"{directory} is not in a git repository; run git init there, or name another") from error
        raise
    common = (directory / named).resolve()
    if not is_repository(common):
        require_git()
        raise HookError(f"git rev-parse --git-common-dir says {named[:80]!r} in {directory}, which is no repository")
    return Repository(common)


def has_branch(directory: Path, branch: str) -> bool:
    """Return whether the repository that ``directory`` is in has a local branch of this name; raises like the above."""
    _require_directory(directory)
    try:
        git(directory, *_TIP, f"{HEADS}{branch}^{{commit}}")
    except GitFailedError as error:
        if error.status == 1:
            return False
        find_repository(directory)
        raise
    return True


def check_branch_name(directory: Path, branch: str) -> None:
    """Raise :class:`HookError` unless ``branch`` is what git takes as a new branch's name, meaning itself.

    ``git check-ref-format --branch`` refuses what could be an option or not be a ref, and expands ``@{-1}``.
    """
    if ask(directory, "check-ref-format", "--branch", branch, no=128) != branch:
        raise HookError(f"{branch!r} is no name for a branch; see git help check-ref-format for what is")


def resolve_base(directory: Path, base: str | None) -> str:
    """Return the commit that ``base`` names as seen from ``directory``; what is checked out there for None.

    :raises HookError: there is no such revision, or no commit at all.
    """
    revision = "HEAD" if base is None else base
    try:
        return git(directory, *_TIP, "--end-of-options", f"{revision}^{{commit}}")
    except GitFailedError as error:
        require_git()  # an old one knows no --end-of-options
        if error.status not in {1, 128}:
            raise
    if base is None:
        raise HookError(f"{directory} has no commits yet; commit something first, then try again")
    raise HookError(f"base {base!r} is no commit, branch or tag in {directory}; name one that git rev-parse knows")


def _require_directory(directory: Path) -> None:
    if not directory.is_dir():
        raise HookError(f"repository {directory} is not there: it was moved or deleted, or its disk is not mounted")
