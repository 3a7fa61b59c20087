"""Recreating a workspace that is gone: from the session's branch, and from no other."""

from __future__ import annotations

import shutil
from pathlib import Path

from rouser.errors import HookError, PluginCallError
from rouser.models import Session
from rouser.testing.guard import needs
from rouser.testing.verdict import expect, refusal
from rouser.testing.workspace.kit import WorkspaceKit, WorkspaceTests, git


class RestorationTests(WorkspaceTests):
    """What ``workspace_restore`` does after the directory was lost."""

    @needs("workspace_restore")
    def test_a_lost_workspace_comes_back_on_its_branch(self, kit: WorkspaceKit) -> None:
        """With the commits that the session had made, where the repository has them."""
        session, path = self._lost(kit)
        expect(not kit.workspace.exists(path), "a workspace whose directory was removed is reported usable")
        restored = kit.anew().restore(session, path)
        kit.expect_usable(restored, session.branch, "after workspace_restore")

    @needs("workspace_restore")
    def test_commits_that_reached_the_repository_come_back(self, kit: WorkspaceKit) -> None:
        """The branch is taken as it is, and not begun again."""
        session, path = kit.made()
        commit = kit.repository.commit("work", at=path)
        if not kit.repository.keeps(commit):
            git(path, "push", "--quiet", str(kit.repository.path), f"HEAD:refs/heads/{session.branch}")
        shutil.rmtree(path)
        restored = kit.workspace.restore(session._replace(workspace_path=path), path)
        expect(git(restored, "rev-parse", "HEAD") == commit, "a restored workspace lacks commits of its branch")

    @needs("workspace_restore")
    def test_restoring_twice_gives_the_same_workspace(self, kit: WorkspaceKit) -> None:
        """A restore that was interrupted is begun again; what was done in between stays."""
        session, path = self._lost(kit)
        restored = kit.workspace.restore(session, path)
        (restored / "work").write_text("not committed")
        again = kit.anew().restore(session, restored)
        expect(again == restored, "restoring twice gives two workspaces")
        expect((again / "work").exists(), "restoring a workspace that is there destroys uncommitted work")

    @needs("workspace_restore")
    def test_a_deleted_branch_is_an_error(self, kit: WorkspaceKit, scratch: Path) -> None:
        """Never fall back to the default branch in silence, nor begin the branch anew."""
        session, path = self._lost(kit)
        git(kit.repository.path, "worktree", "prune")
        if session.branch in kit.repository.branches():
            git(kit.repository.path, "branch", "--quiet", "-D", session.branch)
        refusal(
            lambda: kit.workspace.restore(session, path),
            "a workspace whose branch was deleted is restored from something else",
        )
        expect(not kit.files(scratch), "a restore that was refused leaves a workspace behind")
        expect(session.branch not in kit.repository.branches(), "a deleted branch was begun anew")

    @needs("workspace_restore")
    def test_a_missing_repository_is_an_error(self, kit: WorkspaceKit) -> None:
        """With a message of one line."""
        session, path = self._lost(kit)
        kit.repository.path.rename(kit.root / "moved")
        refusal(lambda: kit.workspace.restore(session, path), "a workspace is restored without its repository")

    @needs("workspace_restore")
    def test_what_has_taken_the_place_is_not_destroyed(self, kit: WorkspaceKit) -> None:
        """Somebody may have put their files there since."""
        session, path = self._lost(kit)
        path.mkdir()
        (path / "precious").write_text("of the user's")
        try:
            kit.workspace.restore(session, path)
        except PluginCallError as error:
            expect(isinstance(error.__cause__, HookError), f"{error}: where people read one line, raise HookError")
        expect((path / "precious").exists(), "workspace_restore destroys what has taken the workspace's place")

    @needs("workspace_restore")
    def test_others_are_not_disturbed(self, kit: WorkspaceKit) -> None:
        """Restoring one leaves the rest, and the repository's own checkout, as they were."""
        before = kit.repository.state()
        other, there = kit.made("rouser/other")
        (there / "work").write_text("not committed")
        session, path = self._lost(kit)
        kit.workspace.restore(session, path)
        kit.expect_usable(there, other.branch, "after another one was restored")
        expect((there / "work").exists(), "restoring a workspace destroys work in another one")
        expect(kit.repository.state() == before, "workspace_restore changes the repository's own checkout")

    def _lost(self, kit: WorkspaceKit) -> tuple[Session, Path]:
        """Return a session whose workspace was removed by hand, when the repository had its branch."""
        session, path = kit.made()
        git(path, "push", "--quiet", str(kit.repository.path), f"HEAD:refs/heads/{session.branch}", check=False)
        shutil.rmtree(path)
        return session._replace(workspace_path=path), path
