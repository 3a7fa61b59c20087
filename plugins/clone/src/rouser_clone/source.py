"""The repository that clones are made from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rouser import GitFailedError, HookError
from rouser_clone.git import answer, git

HEADS: Final = "refs/heads/"


@dataclass(frozen=True, slots=True)
class Source:
    """A repository, whichever of its checkouts it was found from.

    :ivar common: its common directory: ``.git`` of the main checkout, or the bare repository itself.
    """

    common: Path

    def has(self, branch: str) -> bool:
        """Return whether there is such a local branch."""
        return answer(self.common, "rev-parse", "--verify", "--quiet", f"{HEADS}{branch}^{{commit}}") is not None

    def remote_with(self, branch: str) -> str | None:
        """Return the remote-tracking ref of a branch that was pushed; None when there is none."""
        for remote in self.remotes():
            name = f"refs/remotes/{remote}/{branch}"
            if answer(self.common, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}") is not None:
                return name
        return None

    def precedes(self, older: str, newer: str) -> bool:
        """Return whether everything that is in one commit or ref is in another one too."""
        return answer(self.common, "merge-base", "--is-ancestor", older, newer) is not None

    def remotes(self) -> list[str]:
        """Return the names of the repository's own remotes."""
        return git(self.common, "remote").split()


def find_source(directory: Path) -> Source:
    """Return the repository that ``directory`` is in: a checkout or worktree, below one, or a bare repository.

    :raises HookError: there is no such directory, or no repository around it.
    """
    if not directory.is_dir():
        raise HookError(f"repository {directory} is not there: it was moved or deleted, or its disk is not mounted")
    try:
        named = git(directory, "rev-parse", "--git-common-dir")
    except GitFailedError as error:
        if "not a git repository" in str(error):
            raise HookError(f"{directory} is not in a git repository; run git init there, or name another") from error
        raise
    return Source((directory / named).resolve())


def is_repository(directory: Path) -> bool:
    """Return whether a directory has what git wants to see in a repository."""
    return (directory / "HEAD").is_file() and (directory / "objects").is_dir() and (directory / "refs").is_dir()


def check_branch_name(directory: Path, branch: str) -> None:
    """Raise :class:`HookError` unless ``branch`` is what git takes as a new branch's name, meaning itself.

    ``git check-ref-format --branch`` refuses what could be an option or not be a ref, and expands ``@{-1}``.
    """
    if answer(directory, "check-ref-format", "--branch", branch) != branch:
        raise HookError(f"{branch!r} is no name for a branch; see git help check-ref-format for what is")


def resolve_base(directory: Path, base: str | None) -> str:
    """Return the commit that ``base`` names as seen from ``directory``; what is checked out there for None.

    :raises HookError: there is no such revision, or no commit at all.
    """
    revision = f"{'HEAD' if base is None else base}^{{commit}}"
    commit = answer(directory, "rev-parse", "--verify", "--quiet", "--end-of-options", revision)
    if commit is not None:
        return commit
    if base is None:
        raise HookError(f"{directory} has no commits yet; commit something first, then try again")
    raise HookError(f"base {base!r} is no commit, branch or tag in {directory}; name one that git rev-parse knows")
