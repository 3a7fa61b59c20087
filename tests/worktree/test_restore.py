"""Bringing back a worktree that is gone or broken."""

import shutil
import subprocess
from types import SimpleNamespace

import pytest

from rouser import HookError


@pytest.fixture
def path(spawn, session):
    return spawn(session)


def test_a_usable_one_is_left_alone(plugin, session, path):
    (path / "new.txt").write_text("work")
    assert plugin.workspace_restore(session, path) == path
    assert (path / "new.txt").read_text() == "work"


def test_a_deleted_one_comes_back_from_its_branch(repo, plugin, session, path):
    tip = repo.commit("b.txt", at=path)
    shutil.rmtree(path)
    assert plugin.workspace_restore(session, path) == path
    assert plugin.workspace_exists(path)
    assert repo.git("rev-parse", "HEAD", at=path) == tip
    assert repo.git("branch", "--show-current", at=path) == "rouser/fix"
    assert repo.git("status", "--porcelain", at=path) == ""


def test_a_deleted_and_pruned_one_comes_back_from_its_branch(repo, plugin, session, path):
    tip = repo.commit("b.txt", at=path)
    shutil.rmtree(path.parent)
    repo.git("worktree", "prune")
    plugin.workspace_restore(session, path)
    assert repo.git("rev-parse", "HEAD", at=path) == tip


def test_what_was_staged_in_a_deleted_one_comes_back(repo, plugin, session, path):
    (path / "staged.txt").write_text("only in the index")
    repo.git("add", "staged.txt", at=path)
    shutil.rmtree(path)
    plugin.workspace_restore(session, path)
    assert (path / "staged.txt").read_text() == "only in the index"
    assert repo.git("status", "--porcelain", at=path) == "A  staged.txt"


def test_a_lost_git_file_is_written_again_and_all_work_is_kept(repo, plugin, session, path):
    (path / "a.txt").write_text("changed")
    (path / "staged.txt").write_text("x")
    repo.git("add", "staged.txt", at=path)
    (path / "new.txt").write_text("x")
    before = repo.git("status", "--porcelain", at=path)
    (path / ".git").unlink()
    plugin.workspace_restore(session, path)
    assert repo.git("status", "--porcelain", at=path) == before
    assert plugin.workspace_exists(path)


def test_a_lost_git_file_is_written_again_in_the_middle_of_a_rebase(repo, plugin, session, path):
    repo.git("switch", "-q", "--detach", at=path)
    (path / ".git").unlink()
    plugin.workspace_restore(session, path)
    assert plugin.workspace_exists(path)
    assert repo.git("branch", "--show-current", at=path) == ""


def test_nested_in_another_repository_the_lost_git_file_is_written_again(
    make_repo, repo, plugin, new_session, tmp_path
):
    outer = make_repo(tmp_path / "outer")
    outer.commit("o.txt")
    plugin.plugin_configure({"base": str(outer.path / "nested")})
    session = new_session()
    path = plugin.workspace_create(session, repo.path, "rouser/fix", None)
    (path / ".git").unlink()
    plugin.workspace_restore(session, path)
    assert path in repo.listed()
    assert plugin.workspace_exists(path)


@pytest.mark.parametrize("recorded", [True, False])
def test_files_that_are_no_worktree_of_the_session_are_in_the_way(repo, plugin, session, path, recorded):
    repo.git("worktree", "remove", "--force", str(path))
    path.mkdir()
    (path / "theirs").write_text("x")
    if not recorded:
        (path.parent / f".{path.name}.json").unlink()
    with pytest.raises(HookError, match="is in the way"):
        plugin.workspace_restore(session, path)
    assert [entry.name for entry in path.iterdir()] == ["theirs"]
    assert repo.listed() == [repo.path]


def test_another_repository_in_its_place_is_in_the_way(make_repo, plugin, session, path):
    shutil.rmtree(path)
    make_repo(path).commit("theirs.txt")
    with pytest.raises(HookError, match="is in the way"):
        plugin.workspace_restore(session, path)
    assert (path / ".git").is_dir()


def test_a_symbolic_link_in_its_place_is_in_the_way(plugin, session, path, tmp_path):
    shutil.rmtree(path)
    (tmp_path / "elsewhere").mkdir()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HookError, match="is in the way"):
        plugin.workspace_restore(session, path)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_deleted_branch_is_named_and_no_other_is_taken(repo, plugin, session, path):
    shutil.rmtree(path)
    repo.git("worktree", "prune")
    repo.git("branch", "-D", "rouser/fix")
    with pytest.raises(HookError, match="branch rouser/fix was deleted; bring it back"):
        plugin.workspace_restore(session, path)
    assert not path.exists()
    assert repo.branches() == ["main"]


def test_a_branch_that_is_elsewhere_by_now_is_named_with_its_place(repo, plugin, session, path, tmp_path):
    shutil.rmtree(path)
    repo.git("worktree", "prune")
    repo.git("worktree", "add", "-q", str(tmp_path / "other"), "rouser/fix")
    with pytest.raises(HookError, match="already checked out at") as caught:
        plugin.workspace_restore(session, path)
    assert str(tmp_path / "other") in str(caught.value)
    assert not path.exists()


def test_other_worktrees_that_are_not_there_now_are_not_forgotten(repo, plugin, session, path, tmp_path):
    away = tmp_path / "unmounted"
    repo.git("worktree", "add", "-q", "-b", "away", str(away))
    away.rename(tmp_path / "hidden")
    shutil.rmtree(path)
    plugin.workspace_restore(session, path)
    assert away in repo.listed()
    (tmp_path / "hidden").rename(away)
    assert plugin.workspace_exists(away)


def test_a_locked_one_comes_back_locked(repo, plugin, session, path):
    repo.git("worktree", "lock", str(path))
    shutil.rmtree(path)
    plugin.workspace_restore(session, path)
    assert plugin.workspace_exists(path)
    assert "locked" in repo.git("worktree", "list", "--porcelain")


def test_a_commit_that_only_the_gone_worktree_had_is_not_given_up(repo, plugin, session, path):
    repo.git("switch", "-q", "--detach", at=path)
    commit = repo.commit("b.txt", at=path)
    shutil.rmtree(path)
    with pytest.raises(HookError, match="which no branch has") as caught:
        plugin.workspace_restore(session, path)
    assert commit[:7] in str(caught.value)
    repo.git("branch", "kept", commit)
    plugin.workspace_restore(session, path)
    assert repo.git("branch", "--show-current", at=path) == "rouser/fix"


def test_a_deleted_repository_is_named(repo, plugin, session, path):
    shutil.rmtree(repo.path)
    with pytest.raises(HookError, match="is not there: it was moved or deleted"):
        plugin.workspace_restore(session, path)
    assert (path / "a.txt").exists()


def test_a_repository_around_the_deleted_one_is_not_taken_for_it(make_repo, plugin, new_session, tmp_path):
    outer = make_repo(tmp_path / "outer")
    outer.commit("o.txt")
    outer.git("branch", "rouser/fix")
    inner = make_repo(outer.path / "inner")
    inner.commit("i.txt")
    session = new_session(repository=inner.path)
    path = plugin.workspace_create(session, inner.path, "rouser/fix", None)
    shutil.rmtree(inner.path / ".git")
    shutil.rmtree(path)
    with pytest.raises(HookError, match="was moved or deleted"):
        plugin.workspace_restore(session, path)
    assert outer.listed() == [outer.path]


def test_a_repository_that_was_moved_is_found_where_the_session_says(repo, plugin, session, path):
    (path / "new.txt").write_text("work")
    moved = repo.path.with_name("moved")
    repo.path.rename(moved)
    assert not plugin.workspace_exists(path)
    plugin.workspace_restore(session._replace(repository=moved), path)
    assert plugin.workspace_exists(path)
    assert plugin.workspace_describe(path) == "1 file changed, not committed"
    plugin.workspace_destroy(path, force=True)


def test_the_hook_runs_again_and_its_failure_leaves_nothing(repo, plugin, session, path):
    repo.hook("post-checkout", "touch prepared")
    shutil.rmtree(path)
    plugin.workspace_restore(session, path)
    assert (path / "prepared").exists()
    repo.hook("post-checkout", "exit 1")
    shutil.rmtree(path)
    with pytest.raises(HookError):
        plugin.workspace_restore(session, path)
    assert not path.exists()
    repo.git("worktree", "prune")
    with pytest.raises(HookError, match="post-checkout hook"):
        plugin.workspace_restore(session, path)
    assert not path.exists()
    assert repo.listed() == [repo.path]
    assert "rouser/fix" in repo.branches()


def test_a_second_create_of_a_lost_one_restores_it(repo, spawn, session, path):
    tip = repo.commit("b.txt", at=path)
    shutil.rmtree(path)
    assert spawn(session) == path
    assert repo.git("rev-parse", "HEAD", at=path) == tip


@pytest.mark.parametrize(
    "look",
    [
        lambda plugin, session, path: plugin.workspace_describe(path) == "clean",
        lambda plugin, session, path: plugin.workspace_snapshot(session, path, "kill") is None,
    ],
)
def test_a_repository_that_was_moved_and_repaired_is_found_once_the_directory_is_lost(
    repo, plugin, session, path, look
):
    moved = repo.path.with_name("moved")
    repo.path.rename(moved)
    repo.git("worktree", "repair", str(path), at=moved)
    assert look(plugin, session, path)
    assert [file.name for file in path.parent.iterdir() if file != path] == [f".{path.name}.json"]
    shutil.rmtree(path)
    plugin.workspace_restore(session, path)
    assert plugin.workspace_exists(path)
    assert repo.git("rev-parse", "--path-format=absolute", "--git-common-dir", at=path) == str(moved / ".git")


def test_to_look_at_one_whose_repository_is_in_its_place_writes_nothing(plugin, path):
    record = path.with_name(f".{path.name}.json")
    before = record.stat()
    assert plugin.workspace_exists(path)
    assert plugin.workspace_describe(path) == "clean"
    after = record.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("leave", [False, True])
def test_one_that_was_moved_with_git_is_named_with_the_way_back(repo, plugin, session, path, tmp_path, leave):
    (path / "new.txt").write_text("work")
    repo.git("worktree", "move", str(path), str(tmp_path / "other"))
    if leave:
        path.mkdir()
    with pytest.raises(HookError, match="where the worktree was moved from") as caught:
        plugin.workspace_restore(session, path)
    command = str(caught.value).partition("move it back: ")[2]
    subprocess.run(command, shell=True, check=True, cwd="/", capture_output=True, timeout=30)
    assert plugin.workspace_exists(path)
    assert (path / "new.txt").read_text() == "work"


@pytest.mark.parametrize("text", ["echo nope >&2; exit 3", "exit 1"])
def test_a_hook_that_fails_where_files_come_back_from_the_index_is_named(repo, plugin, session, path, text):
    repo.hook("post-checkout", text)
    shutil.rmtree(path)
    said = "nope" if "nope" in text else "it does not say why"
    with pytest.raises(HookError, match=f"^the post-checkout hook of .* failed: {said}$"):
        plugin.workspace_restore(session, path)
    assert not path.exists()


def test_a_lock_on_the_head_that_was_left_is_named(repo, plugin, session, path):
    lock = repo.path / ".git" / "worktrees" / path.name / "HEAD.lock"
    lock.touch()
    shutil.rmtree(path)
    with pytest.raises(HookError, match=r"HEAD\.lock"):
        plugin.workspace_restore(session, path)


def test_a_full_disk_is_named(repo, plugin, session, path, monkeypatch):
    (repo.path / ".git" / "info" / "attributes").write_text("* filter=full\n")
    repo.git("config", "filter.full.smudge", "false")
    repo.git("config", "filter.full.required", "true")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    shutil.rmtree(path)
    with pytest.raises(HookError, match=f"; the disk that holds {path} is full$"):
        plugin.workspace_restore(session, path)
    assert not path.exists()
