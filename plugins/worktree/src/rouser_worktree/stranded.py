"""What a worktree whose directory is gone has in its private directory, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import NamedTuple

from rouser import operation_under_way
from rouser_worktree.library import SupervisedGit
from rouser_worktree.state import conflicts, head_branch, staged_files
from rouser_worktree.submodules import modules_in, unpushed_commits
from rouser_worktree.work import count_of, own_commits


class Stranded(NamedTuple):
    """Work that would be lost with a private directory.

    :ivar what: what it is, as a clause.
    :ivar way: how the user keeps it, with the command.
    """

    what: str
    way: str


def find_stranded(private: Path, path: Path) -> Stranded | None:
    """Return what would be lost with the private directory of the worktree that was at ``path``; None for nothing.

    :raises HookError: git cannot tell.
    """
    branch = head_branch(private)
    where = f"on {branch}" if branch else "on no branch"
    if begun := operation_under_way(private) or ("a merge" if conflicts(private) else ""):
        return Stranded(f"{begun} {where} was not finished", f"bring it back as it was ({_by_hand(private, path)})")
    if branch is None and (commit := _commit_of_no_branch(private)):
        way = f"keep it (git --git-dir={quote(str(private))} branch NAME {commit})"
        return Stranded(f"it had commit {commit}, which no branch has", way)
    if staged := staged_files(private):
        return Stranded(f"it had {count_of(staged, 'file')} staged {where}", f"commit that ({_commit(private)})")
    return next(filter(None, map(_stranded_in_submodule, modules_in(private))), None)


def _commit_of_no_branch(private: Path) -> str | None:
    git = SupervisedGit(private, private)
    return str(git.rev_parse("--short", "HEAD")) if own_commits(git, None, None) else None


def _stranded_in_submodule(module: Path) -> Stranded | None:
    if staged := staged_files(module):
        what = f"it had {count_of(staged, 'file')} staged in submodule {module.name}"
        return Stranded(what, f"commit that ({_commit(module)})")
    if commits := unpushed_commits(module):
        way = f"push it ({_git(module)} push origin {commits[0][:12]}:refs/heads/NAME)"
        return Stranded(f"it had commit {commits[0][:7]} in submodule {module.name}, which no remote has", way)
    return None


def _by_hand(private: Path, path: Path) -> str:
    there = quote(str(path))
    return f"mkdir {there} && echo gitdir: {quote(str(private))} >{there}/.git && git -C {there} checkout-index --all"


def _commit(directory: Path) -> str:
    return f"{_git(directory)} commit --no-verify -m NAME"


def _git(directory: Path) -> str:
    """Return a git command that works without files: it wants a work tree that is there, whatever is in it."""
    return f"git --git-dir={quote(str(directory))} --work-tree={quote(str(directory))}"
