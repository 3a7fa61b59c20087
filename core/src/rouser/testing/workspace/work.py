"""Work survives: what is not committed, not tracked or not pushed is never destroyed without force."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

from rouser.errors import HookError, PluginCallError
from rouser.testing.verdict import expect
from rouser.testing.workspace.kit import Repository, WorkspaceKit, WorkspaceTests, git


def _modify(repository: Repository, path: Path) -> Callable[[], bool]:
    del repository
    (path / "start").write_text("changed")
    return lambda: (path / "start").exists() and (path / "start").read_text() == "changed"


def _stage(repository: Repository, path: Path) -> Callable[[], bool]:
    kept = _modify(repository, path)
    git(path, "add", "start")
    return kept


def _leave_untracked(repository: Repository, path: Path) -> Callable[[], bool]:
    del repository
    (path / "sub").mkdir()
    (path / "sub" / "untracked file").write_text("work")
    return (path / "sub" / "untracked file").exists


def _commit(repository: Repository, path: Path) -> Callable[[], bool]:
    commit = repository.commit("committed", at=path)
    return lambda: path.exists() or repository.keeps(commit)


def _commit_detached(repository: Repository, path: Path) -> Callable[[], bool]:
    git(path, "checkout", "--quiet", "--detach")
    return _commit(repository, path)


def _commit_on_another_branch(repository: Repository, path: Path) -> Callable[[], bool]:
    git(path, "switch", "--quiet", "--create", "another")
    kept = _commit(repository, path)
    git(path, "switch", "--quiet", "rouser/kit")
    return kept


def _stash(repository: Repository, path: Path) -> Callable[[], bool]:
    (path / "start").write_text("stashed")
    git(path, "stash", "push", "--quiet")
    stash = git(path, "rev-parse", "refs/stash")
    return lambda: path.exists() or repository.keeps(stash)


def _begin_a_merge(repository: Repository, path: Path) -> Callable[[], bool]:
    (repository.path / "start").write_text("theirs")
    git(repository.path, "commit", "--quiet", "--all", "--message", "Theirs")
    (path / "start").write_text("ours")
    git(path, "commit", "--quiet", "--all", "--message", "Ours")
    theirs = git(repository.path, "rev-parse", "main")
    git(path, "fetch", "--quiet", str(repository.path), "main")
    git(path, "merge", theirs, check=False)
    return path.exists


_WORK: Final[Mapping[str, Callable[[Repository, Path], Callable[[], bool]]]] = {
    "a modified file": _modify,
    "a staged file": _stage,
    "an untracked file": _leave_untracked,
    "an unpushed commit": _commit,
    "a commit on no branch": _commit_detached,
    "a commit on another branch": _commit_on_another_branch,
    "a stash": _stash,
    "a merge that was begun": _begin_a_merge,
}


class WorkTests(WorkspaceTests):
    """What ``workspace_destroy`` removes, and what it refuses to."""

    def test_a_destroyed_workspace_is_gone(self, kit: WorkspaceKit) -> None:
        """Directory and all, and the repository knows nothing of it any more."""
        before = kit.repository.state()
        session, path = kit.made()
        kit.workspace.destroy(path, force=False)
        expect(not path.exists(), "workspace_destroy returned while the workspace is still there")
        expect(not kit.workspace.exists(path), "a destroyed workspace is reported usable")
        listed = git(kit.repository.path, "worktree", "list", "--porcelain")
        expect(str(path) not in listed, "the repository still lists a workspace that was destroyed")
        expect(kit.repository.state() == before, "workspace_destroy changes the repository's own checkout")
        again = kit.create(kit.session(session.branch))
        kit.expect_usable(again, session.branch, "when made again after it was destroyed")

    def test_destroying_twice_is_no_error(self, kit: WorkspaceKit) -> None:
        """Destroying is idempotent, and so is destroying what somebody removed by hand."""
        _, first = kit.made("rouser/first")
        _, second = kit.made("rouser/second")
        for force in (False, True):
            kit.workspace.destroy(first, force=force)
        shutil.rmtree(second)
        kit.workspace.destroy(second, force=False)
        kit.anew().destroy(second, force=False)

    def test_destroying_one_spares_the_others(self, kit: WorkspaceKit) -> None:
        """Whatever they are called."""
        made = {branch: kit.made(branch)[1] for branch in ("proj-1", "proj-10", "proj")}
        kit.workspace.destroy(made.pop("proj-1"), force=True)
        for branch, path in made.items():
            kit.expect_usable(path, branch, "after another workspace was destroyed")

    @pytest.mark.parametrize("what", _WORK)
    def test_work_survives_without_force(self, kit: WorkspaceKit, what: str) -> None:
        """Refuse, or keep it where the user finds it: in the repository."""
        _, path = kit.made()
        survives = _WORK[what](kit.repository, path)
        message = ""
        try:
            kit.workspace.destroy(path, force=False)
        except PluginCallError as error:
            expect(isinstance(error.__cause__, HookError), f"{error}: where people read one line, raise HookError")
            message = str(error)
            expect(path.exists(), f"workspace_destroy refuses ({message}), and has removed the workspace all the same")
        expect(survives(), f"workspace_destroy without force destroys {what}")
        expect(not message or kit.workspace.exists(path), "a workspace that was not destroyed is not usable any more")

    def test_force_removes_a_workspace_with_work_in_it(self, kit: WorkspaceKit) -> None:
        """The user has been told, and insists."""
        _, path = kit.made()
        _leave_untracked(kit.repository, path)
        kit.repository.commit("committed", at=path)
        _modify(kit.repository, path)
        kit.workspace.destroy(path, force=True)
        expect(not path.exists(), "workspace_destroy with force does not remove the workspace")

    def test_commits_are_never_lost_with_the_branch(self, kit: WorkspaceKit) -> None:
        """The branch existed before the session, with commits that nothing else holds."""
        git(kit.repository.path, "switch", "--quiet", "--create", "existing")
        commit = kit.repository.commit("precious")
        git(kit.repository.path, "switch", "--quiet", "main")
        path = kit.create(kit.session("existing"))
        kit.workspace.destroy(path, force=True)
        expect("existing" in kit.repository.branches(), "a branch that existed before was deleted with the workspace")
        expect(kit.repository.keeps(commit), "commits that existed before were lost with the workspace")
