"""What a worktree holds that exists nowhere else."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rouser import HookError, operation_under_way
from rouser_worktree.library import SupervisedGit
from rouser_worktree.links import Link
from rouser_worktree.repository import HEADS
from rouser_worktree.submodules import unpushed_in_submodules

_CHANGE: Final = frozenset("12u?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What is in a worktree and not yet anywhere else.

    :ivar branch: the branch that is checked out. None: a commit is, without a branch.
    :ivar changed: the number of files modified, staged or untracked, ignored ones left out.
    :ivar unpushed: the number of commits that neither a remote nor another branch has.
    :ivar under_way: the operation that was begun and not finished, like ``a merge``; empty when there is none.
    :ivar in_submodules: the number of commits in submodules that no remote has.
    """

    branch: str | None
    changed: int
    unpushed: int
    under_way: str = ""
    in_submodules: int = 0

    def __str__(self) -> str:
        """Return it as one line, ``clean`` when there is nothing."""
        parts = []
        if self.changed:
            parts.append(f"{count_of(self.changed, 'file')} changed, not committed")
        if self.unpushed:
            where = f"on {self.branch}" if self.branch else "on no branch"
            parts.append(f"{count_of(self.unpushed, 'commit')} not pushed {where}")
        if self.in_submodules:
            parts.append(f"{count_of(self.in_submodules, 'commit')} not pushed in submodules")
        if self.under_way:
            parts.append(f"{self.under_way} not finished")
        return " · ".join(parts) or "clean"

    @property
    def is_clean(self) -> bool:
        """Whether removing the worktree loses nothing."""
        return str(self) == "clean"


def look(path: Path, link: Link, start: str | None, *, submodules: bool = False) -> Work:
    """Return what the worktree at ``path`` holds.

    :param start: the commit that the session's branch was created at, if known: what came before is not its own.
    :param submodules: whether to look for commits in submodules too, which takes two processes for each.
    """
    git = SupervisedGit(path)
    entries = git.status("--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--ignore-submodules=none")
    branch, changed = _parse(entries)
    return Work(
        branch=branch,
        changed=changed,
        unpushed=own_commits(git, branch, start),
        under_way=operation_under_way(link.private),
        in_submodules=unpushed_in_submodules(path, link.private) if submodules else 0,
    )


def own_commits(git: SupervisedGit, branch: str | None, start: str | None, *, pushed_too: bool = False) -> int:
    """Return how many commits only ``branch`` has, or ``HEAD`` when that is None.

    :param start: a commit whose history does not count.
    :param pushed_too: count also those that a remote-tracking branch has.
    """
    tip = f"{HEADS}{branch}" if branch else "HEAD"
    elsewhere = [f"--exclude={branch}"] if branch else ["--tags"]
    elsewhere.append("--branches")
    if not pushed_too:
        elsewhere.append("--remotes")
    if start:
        elsewhere.append(start)
    # A start that was rewritten and collected is no reason to fail; a tip that is not there yet has no commits.
    return _number(git.rev_list("--count", "--ignore-missing", tip, "--not", *elsewhere, "--"))


def _parse(entries: str) -> tuple[str | None, int]:
    branch: str | None = None
    kinds: Counter[str] = Counter()
    items = iter(entries.split("\0"))
    for item in items:
        if item.startswith("# branch.head "):
            head = item.removeprefix("# branch.head ")
            branch = None if head == "(detached)" else head
        kinds[item[:1]] += 1
        if item.startswith("2 "):  # a rename is followed by the name that the file had
            next(items, None)
    return branch, sum(kinds[kind] for kind in _CHANGE)


def _number(text: str) -> int:
    if not text.isdecimal():
        raise HookError(f"git rev-list --count answered {text[:80]!r}; is another program called git?")
    return int(text)


def count_of(number: int, noun: str) -> str:
    """Return like ``1 file``, or ``2 files``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
