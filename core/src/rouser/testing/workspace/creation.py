"""Making workspaces: of the right branch, once for a session, apart from each other, or not at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rouser.errors import PluginCallError
from rouser.testing.oddities import DIRECTORIES
from rouser.testing.verdict import expect, refusal
from rouser.testing.workspace.kit import WorkspaceKit, WorkspaceTests, git

_MANY = 6
_BAD_BRANCHES = ("", "-x", "--orphan", "a..b", "a b", "a~1", "a:b", ".hidden", "a.lock", "@{-1}", "two\nlines")


class CreationTests(WorkspaceTests):
    """What ``workspace_create`` makes, and what it refuses to make."""

    def test_a_new_branch_starts_from_what_is_checked_out(self, kit: WorkspaceKit) -> None:
        """And the repository's own checkout stays as it was."""
        before = kit.repository.state()
        session, path = kit.made()
        kit.expect_usable(path, session.branch, "after workspace_create")
        expect((path / "start").exists(), "the workspace lacks the files of the commit that it starts from")
        expect(
            git(path, "rev-parse", "HEAD") == git(kit.repository.path, "rev-parse", "main"),
            "a new branch does not start from what the repository has checked out",
        )
        expect(kit.repository.state() == before, "workspace_create changes the repository's own checkout")

    def test_a_new_branch_starts_from_the_base_that_is_given(self, kit: WorkspaceKit) -> None:
        """Not from what happens to be checked out."""
        base = git(kit.repository.path, "rev-parse", "main")
        kit.repository.commit("later")
        path = kit.create(kit.session(), base)
        expect(git(path, "rev-parse", "HEAD") == base, "a new branch does not start from the base that is given")

    def test_an_existing_branch_is_checked_out_as_it_is(self, kit: WorkspaceKit) -> None:
        """Its commits are somebody's work; a base does not move it."""
        git(kit.repository.path, "switch", "--quiet", "--create", "existing")
        commit = kit.repository.commit("on-existing")
        git(kit.repository.path, "switch", "--quiet", "main")
        later = kit.repository.commit("later")
        path = kit.create(kit.session("existing"), later)
        kit.expect_usable(path, "existing", "after workspace_create of a branch that existed")
        expect(git(path, "rev-parse", "HEAD") == commit, "an existing branch was moved, and its commits are lost")

    def test_a_branch_that_is_checked_out_elsewhere_is_not_disturbed(self, kit: WorkspaceKit) -> None:
        """Refuse it, or make a checkout that is independent of the other."""
        before = kit.repository.state()
        try:
            path = kit.create(kit.session("main"))
        except PluginCallError:
            expect(kit.repository.state() == before, "a refused creation changes the repository's own checkout")
            return
        kit.repository.commit("in-workspace", at=path)
        expect(
            kit.repository.state() == before,
            "a workspace of a branch that is checked out elsewhere moves that branch under the other checkout",
        )

    def test_two_sessions_never_share_a_workspace(self, kit: WorkspaceKit) -> None:
        """Whether the second is refused, or gets one of its own."""
        _, first = kit.made("rouser/same")
        (first / "first").write_text("work of the first")
        try:
            second = kit.create(kit.session("rouser/same"))
        except PluginCallError:
            second = Path("/nowhere")
        expect(second.resolve() != first.resolve(), "two sessions of the same branch share a workspace")
        expect((first / "first").exists(), "a second session destroys the work of the first")

    def test_creating_again_returns_the_same_workspace_and_keeps_its_work(self, kit: WorkspaceKit) -> None:
        """After a crash it is called again with the same arguments."""
        session, path = kit.made()
        (path / "work").write_text("not committed")
        again = kit.create(session, through=kit.anew())
        expect(again == path, f"a second call for the same session made another workspace: {again}, not {path}")
        expect((path / "work").exists(), "a second call for the same session destroys uncommitted work")
        kit.expect_usable(path, session.branch, "after a second workspace_create")

    def test_branches_whose_names_begin_alike_have_workspaces_of_their_own(self, kit: WorkspaceKit) -> None:
        """``proj-1`` is not ``proj-10``, and ``a-b`` is not ``a/b``."""
        branches = ("proj-1", "proj-10", "proj", "a-b", "a_b", "a/b")
        paths = {kit.made(branch)[1].resolve() for branch in branches}
        expect(len(paths) == len(branches), "sessions on branches whose names are alike share a workspace")

    def test_many_at_once(self, kit: WorkspaceKit) -> None:
        """Calls for different sessions overlap."""
        sessions = [kit.session(f"rouser/{number}") for number in range(_MANY)]
        with ThreadPoolExecutor(_MANY) as pool:
            paths = list(pool.map(kit.create, sessions))
        expect(len(set(paths)) == _MANY, "workspaces that were created at once share a directory")
        for session, path in zip(sessions, paths, strict=True):
            kit.expect_usable(path, session.branch, "when created with others at once")

    @pytest.mark.parametrize("oddity", [name for name in DIRECTORIES if name != "newline"])
    def test_repository_may_be_called_anything(self, kit: WorkspaceKit, oddity: str) -> None:
        """Whatever its path is made of."""
        repository = kit.another_repository(kit.root / DIRECTORIES[oddity] / "shop")
        session = kit.session()
        path = kit.create(session, at=repository.path)
        kit.expect_usable(path, session.branch, f"of a repository whose path has {oddity}")
        expect(not list(kit.root.rglob("kit-was-executed")), "the path of a repository was executed")

    def test_repository_may_be_given_by_a_directory_in_it(self, kit: WorkspaceKit) -> None:
        """Wherever the user was."""
        inside = kit.repository.path / "inside" / "it"
        inside.mkdir(parents=True)
        session = kit.session()
        path = kit.create(session, at=inside)
        kit.expect_usable(path, session.branch, "of a directory in a repository")
        expect((path / "start").exists(), "the workspace of a directory in a repository lacks the repository's files")

    @pytest.mark.parametrize("branch", _BAD_BRANCHES, ids=repr)
    def test_bad_branch_name_is_an_error_and_leaves_nothing(
        self, kit: WorkspaceKit, scratch: Path, branch: str
    ) -> None:
        """Some would be read as options."""
        self._expect_refused(kit, scratch, branch, None, "a branch with a bad name is accepted")

    @pytest.mark.parametrize("base", ["no-such-revision", "--detach", "main..main"])
    def test_unknown_base_is_an_error_and_leaves_nothing(self, kit: WorkspaceKit, scratch: Path, base: str) -> None:
        """Never start from something else in silence."""
        self._expect_refused(kit, scratch, "rouser/kit", base, "an unknown base is accepted")

    @pytest.mark.parametrize("what", ["missing", "no repository", "file"])
    def test_what_is_no_repository_is_an_error(self, kit: WorkspaceKit, what: str) -> None:
        """With a message of one line."""
        place = kit.root / "elsewhere"
        if what == "no repository":
            place.mkdir()
        elif what == "file":
            place.write_text("not a directory")
        refusal(lambda: kit.create(kit.session(), at=place), f"a workspace is made of what is no repository ({what})")

    def test_variables_of_a_git_hook_do_not_lead_astray(
        self, kit: WorkspaceKit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A rouser that a git hook of another repository starts inherits that one's ``GIT_DIR``."""
        other = kit.another_repository(kit.root / "other")
        before = other.state(), other.branches()
        monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
        monkeypatch.setenv("GIT_WORK_TREE", str(other.path))
        monkeypatch.setenv("GIT_INDEX_FILE", str(other.path / ".git" / "index"))
        session, path = kit.made()
        monkeypatch.undo()
        expect((other.state(), other.branches()) == before, "GIT_DIR leads the plugin into another repository")
        kit.expect_usable(path, session.branch, "where GIT_DIR names another repository")

    def _expect_refused(self, kit: WorkspaceKit, scratch: Path, branch: str, base: str | None, defect: str) -> None:
        before = kit.repository.state(), kit.repository.branches()
        refusal(lambda: kit.create(kit.session(branch), base), defect)
        expect(
            (kit.repository.state(), kit.repository.branches()) == before, "a refused creation leaves a branch behind"
        )
        expect(not kit.files(scratch), "a refused creation leaves a workspace behind")
        session, path = kit.made("rouser/after")
        kit.expect_usable(path, session.branch, "after a creation that was refused")
