"""Removing worktrees, and all that must not be removed."""

import os
import shutil

import pytest
from worktree.looks import leave_lock

from rouser import HookError


@pytest.fixture
def path(spawn, session):
    return spawn(session)


@pytest.fixture
def remote(repo, tmp_path):
    repo.git("clone", "-q", "--bare", str(repo.path), str(tmp_path / "remote.git"))
    repo.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    repo.git("fetch", "-q", "origin")


def assert_refused(plugin, path, *words):
    before = sorted(file.name for file in path.iterdir())
    with pytest.raises(HookError) as caught:
        plugin.workspace_destroy(path, force=False)
    for word in (str(path), "--force", *words):
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(file.name for file in path.iterdir()) == before
    assert plugin.workspace_exists(path)


def test_an_unused_one_goes_with_its_branch_and_record(repo, plugin, path):
    plugin.workspace_destroy(path, force=False)
    assert list(path.parent.iterdir()) == []
    assert repo.listed() == [repo.path]
    assert repo.branches() == ["main"]


def test_destroying_again_is_no_error(plugin, path, tmp_path):
    plugin.workspace_destroy(path, force=False)
    plugin.workspace_destroy(path, force=False)
    plugin.workspace_destroy(tmp_path / "never" / "was", force=False)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda repo, path: (path / "a.txt").write_text("changed"), "1 file changed, not committed"),
        (lambda repo, path: (path / "a.txt").unlink(), "1 file changed, not committed"),
        (lambda repo, path: (path / "new.txt").write_text("x"), "1 file changed, not committed"),
        (lambda repo, path: repo.git("mv", "a.txt", "b.txt", at=path), "1 file changed, not committed"),
        (lambda repo, path: repo.commit("c.txt", at=path), "1 commit not pushed on rouser/fix"),
        (lambda repo, path: repo.git("commit", "-q", "--allow-empty", "-m", "x", at=path), "1 commit not pushed"),
    ],
)
@pytest.mark.parametrize("remotes", [True, False])
def test_work_is_not_removed(request, repo, plugin, path, harm, words, remotes):
    if remotes:
        request.getfixturevalue("remote")
    harm(repo, path)
    assert_refused(plugin, path, words)


def test_all_that_would_be_lost_is_counted(repo, plugin, path):
    repo.commit("b.txt", at=path)
    repo.commit("c.txt", at=path)
    (path / "directory").mkdir()
    (path / "directory" / "one").write_text("x")
    (path / "directory" / "two").write_text("x")
    (path / "a.txt").write_text("changed")
    assert_refused(plugin, path, "3 files changed, not committed · 2 commits not pushed on rouser/fix")


def test_untracked_files_count_also_where_status_is_told_to_hide_them(repo, plugin, path):
    repo.git("config", "status.showUntrackedFiles", "no")
    (path / "new.txt").write_text("x")
    assert_refused(plugin, path, "1 file changed")


@pytest.mark.parametrize("operation", ["merge", "rebase", "cherry-pick"])
def test_an_operation_under_way_is_not_removed(repo, plugin, path, operation):
    repo.commit("a.txt", "theirs\n")
    repo.commit("a.txt", "ours\n", at=path)
    with pytest.raises(AssertionError):
        repo.git(operation, "main", at=path)
    assert_refused(plugin, path, f"a {operation} not finished")


def test_a_commit_on_no_branch_is_not_removed(repo, plugin, path):
    repo.git("switch", "-q", "--detach", at=path)
    commit = repo.commit("b.txt", at=path)
    assert_refused(plugin, path, "1 commit not pushed on no branch")
    repo.git("tag", "kept", commit)
    plugin.workspace_destroy(path, force=False)
    assert not path.exists()


def test_a_commit_on_no_branch_is_not_removed_when_only_the_directory_is_gone(repo, plugin, path):
    repo.git("switch", "-q", "--detach", at=path)
    repo.commit("b.txt", at=path)
    shutil.rmtree(path)
    with pytest.raises(HookError, match="which no branch has"):
        plugin.workspace_destroy(path, force=False)
    assert path in repo.listed()
    plugin.workspace_destroy(path, force=True)
    assert repo.listed() == [repo.path]


def test_pushed_work_is_removed_and_its_branch_stays(remote, repo, plugin, path):
    tip = repo.commit("b.txt", at=path)
    repo.git("push", "-q", "origin", "rouser/fix", at=path)
    plugin.workspace_destroy(path, force=False)
    assert not path.exists()
    assert repo.git("rev-parse", "rouser/fix") == tip


def test_merged_work_is_removed_with_its_branch(repo, plugin, path):
    repo.commit("b.txt", at=path)
    repo.git("merge", "-q", "rouser/fix")
    plugin.workspace_destroy(path, force=False)
    assert repo.branches() == ["main"]


def test_a_branch_that_was_there_before_stays(repo, plugin, spawn, new_session):
    repo.git("branch", "rouser/old")
    plugin.workspace_destroy(spawn(new_session(branch="rouser/old")), force=False)
    assert repo.branches() == ["main", "rouser/old"]


def test_what_the_base_had_is_not_the_branchs_own(repo, plugin, spawn, session):
    repo.git("switch", "-q", "--detach")
    start = repo.commit("b.txt")
    repo.git("switch", "-q", "main")
    path = spawn(session, base=start)
    assert plugin.workspace_describe(path) == "clean"
    plugin.workspace_destroy(path, force=False)
    assert repo.branches() == ["main"]


def test_force_removes_the_files_but_keeps_the_branch_with_commits_of_its_own(repo, plugin, path):
    tip = repo.commit("b.txt", at=path)
    (path / "new.txt").write_text("x")
    plugin.workspace_destroy(path, force=True)
    assert not path.exists()
    assert repo.listed() == [repo.path]
    assert repo.git("rev-parse", "rouser/fix") == tip


def test_a_branch_that_another_worktree_has_by_now_stays(repo, plugin, path, tmp_path):
    repo.git("switch", "-q", "--detach", at=path)
    repo.git("worktree", "add", "-q", str(tmp_path / "other"), "rouser/fix")
    plugin.workspace_destroy(path, force=False)
    assert repo.branches() == ["main", "rouser/fix"]


def test_ignored_files_do_not_count(repo, plugin, path):
    (repo.path / ".git" / "info" / "exclude").write_text("build/\n")
    (path / "build").mkdir()
    (path / "build" / "out").write_text("x")
    plugin.workspace_destroy(path, force=False)
    assert not path.exists()


def test_a_locked_one_is_only_removed_by_force(repo, plugin, path):
    repo.git("worktree", "lock", str(path))
    assert_refused(plugin, path, "is locked")
    plugin.workspace_destroy(path, force=True)
    assert not path.exists()


def test_a_clean_submodule_does_not_hinder(repo, plugin, with_submodule):
    assert plugin.workspace_describe(with_submodule) == "clean"
    plugin.workspace_destroy(with_submodule, force=False)
    assert not with_submodule.exists()
    assert repo.listed() == [repo.path]


def test_changes_in_a_submodule_are_not_removed(plugin, with_submodule):
    (with_submodule / "lib dir" / "lib.txt").write_text("changed")
    assert_refused(plugin, with_submodule, "1 file changed")


def test_commits_in_a_submodule_are_not_removed(repo, plugin, with_submodule):
    repo.commit("more.txt", at=with_submodule / "lib dir")
    repo.git("commit", "-qam", "Take more", at=with_submodule)
    repo.git("branch", "elsewhere", "rouser/fix")
    assert_refused(plugin, with_submodule, "1 commit not pushed in submodules")


@pytest.mark.parametrize("force", [True, False])
def test_the_main_checkout_is_never_removed(repo, plugin, path, force):
    with pytest.raises(HookError, match="is not a worktree below"):
        plugin.workspace_destroy(repo.path, force=force)
    assert (repo.path / "a.txt").exists()


@pytest.mark.parametrize("force", [True, False])
def test_what_is_outside_the_base_is_never_removed(repo, plugin, path, base, tmp_path, force):
    mine = tmp_path / "mine"
    repo.git("worktree", "add", "-q", "-b", "mine", str(mine))
    for given in (mine, base / "shop" / ".." / ".." / "mine", path / "a.txt", base, base / "shop"):
        with pytest.raises(HookError, match="is not a worktree below"):
            plugin.workspace_destroy(given, force=force)
    assert (mine / "a.txt").exists()
    assert (path / "a.txt").exists()


@pytest.mark.parametrize("force", [True, False])
def test_what_this_plugin_did_not_make_is_never_removed(repo, plugin, path, base, force):
    mine = base / "shop" / "mine"
    repo.git("worktree", "add", "-q", "-b", "mine", str(mine))
    with pytest.raises(HookError, match="was not made by rouser"):
        plugin.workspace_destroy(mine, force=force)
    assert (mine / "a.txt").exists()


@pytest.mark.parametrize("force", [True, False])
def test_a_symbolic_link_in_its_place_is_not_followed(repo, plugin, path, spawn, new_session, tmp_path, force):
    other = spawn(new_session(branch="rouser/other"))
    shutil.rmtree(path)
    for target in (repo.path, other):
        path.symlink_to(target)
        with pytest.raises(HookError, match="is a symbolic link"):
            plugin.workspace_destroy(path, force=force)
        path.unlink()
        assert (target / "a.txt").exists()


@pytest.mark.parametrize("force", [True, False])
def test_a_symbolic_link_for_the_repositorys_directory_is_not_followed_outside(repo, plugin, path, tmp_path, force):
    path.parent.rename(tmp_path / "stolen")
    path.parent.symlink_to(tmp_path / "stolen")
    with pytest.raises(HookError, match="is not a worktree below"):
        plugin.workspace_destroy(path, force=force)
    assert (path / "a.txt").exists()


@pytest.mark.parametrize("force", [True, False])
def test_another_repository_in_its_place_is_not_taken_for_the_worktree(make_repo, repo, plugin, path, force):
    shutil.rmtree(path)
    make_repo(path).commit("theirs.txt")
    with pytest.raises(HookError, match="no longer what rouser made"):
        plugin.workspace_destroy(path, force=force)
    assert (path / "theirs.txt").exists()


def test_after_a_move_of_the_repository_that_git_repaired_it_can_be_removed(repo, plugin, path):
    moved = type(repo)(repo.path.rename(repo.path.with_name("moved")))
    moved.git("worktree", "repair", str(path))
    (path / "new.txt").write_text("x")
    assert_refused(plugin, path, "1 file changed")
    (path / "new.txt").unlink()
    plugin.workspace_destroy(path, force=False)
    assert moved.listed() == [moved.path]


def test_a_base_that_is_a_symbolic_link_works(repo, plugin, new_session, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    plugin.plugin_configure({"base": str(tmp_path / "link")})
    session = new_session()
    path = plugin.workspace_create(session, repo.path, "rouser/fix", None)
    assert plugin.workspace_exists(path)
    assert plugin.workspace_create(session, repo.path, "rouser/fix", None) == path
    shutil.rmtree(path)
    plugin.workspace_restore(session, path)
    assert len(repo.listed()) == 2
    plugin.workspace_destroy(path, force=False)
    assert not os.path.lexists(path)
    assert repo.listed() == [repo.path]


def test_one_whose_directory_is_gone_is_forgotten_by_git_too(repo, plugin, path):
    shutil.rmtree(path)
    plugin.workspace_destroy(path, force=False)
    assert repo.listed() == [repo.path]
    assert repo.branches() == ["main"]
    assert list(path.parent.iterdir()) == []


def test_one_that_lost_its_git_file_is_still_looked_into(repo, plugin, path):
    (path / "new.txt").write_text("x")
    (path / ".git").unlink()
    with pytest.raises(HookError, match="1 file changed"):
        plugin.workspace_destroy(path, force=False)
    assert (path / "new.txt").exists()
    (path / "new.txt").unlink()
    plugin.workspace_destroy(path, force=False)
    assert repo.listed() == [repo.path]


@pytest.mark.parametrize(
    "harm", [lambda repo: shutil.rmtree(repo.path), lambda repo: shutil.rmtree(repo.path / ".git" / "worktrees")]
)
def test_one_that_lost_its_repository_is_only_removed_by_force(repo, plugin, path, harm):
    harm(repo)
    with pytest.raises(HookError, match="cannot be judged"):
        plugin.workspace_destroy(path, force=False)
    assert (path / "a.txt").exists()
    plugin.workspace_destroy(path, force=True)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("broken", [False, True])
def test_a_branch_in_the_place_of_the_deleted_ones_directory_does_not_hinder(repo, plugin, path, broken):
    repo.git("switch", "-qc", "elsewhere", at=path)
    repo.git("branch", "-D", "rouser/fix")
    repo.git("branch", "rouser")
    if broken:
        leave_lock(path)
    plugin.workspace_destroy(path, force=False)
    assert list(path.parent.iterdir()) == []
    assert repo.listed() == [repo.path]
    assert "rouser" in repo.branches()
