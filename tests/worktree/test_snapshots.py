"""Snapshots: all work is in them, byte for byte, nothing of the user's changes, and they come back."""

import os
import shutil
import subprocess
import threading

import pytest
from worktree.looks import bring_back, private_of, state_of

from rouser import HookError


def test_a_snapshot_has_modified_staged_untracked_and_deleted_files(repo, made, take):
    session, path = made
    repo.commit("gone.txt", at=path)
    (path / "a.txt").write_text("changed\n")
    (path / "new").mkdir()
    (path / "new" / "file").write_text("new\n")
    (path / "staged").write_text("staged\n")
    repo.git("add", "staged", at=path)
    (path / "gone.txt").unlink()
    taken = take()
    assert (taken.number, taken.files, taken.reason, taken.left_out) == (1, 4, "by hand", ())
    assert taken.bytes == len("changed\nnew\nstaged\n")
    names = repo.git("ls-tree", "-r", "--name-only", taken.commit).split()
    assert names == ["a.txt", "new/file", "staged"]
    assert repo.git("show", f"{taken.commit}:a.txt") == "changed"
    assert repo.git("rev-parse", f"{taken.commit}^1") == repo.git("rev-parse", session.branch)
    assert repo.git("rev-parse", f"refs/rouser/{session.id}/1") == taken.commit


def test_nothing_of_the_users_is_touched(repo, made, take):
    _, path = made
    (path / "a.txt").write_text("staged\n")
    repo.git("add", "a.txt", at=path)
    (path / "a.txt").write_text("changed\n")
    (path / "untracked").write_text("new\n")
    (repo.path / "stashed").write_text("x")
    repo.git("stash", "push", "-u")
    for hook in ("post-checkout", "pre-commit", "reference-transaction", "post-index-change"):
        file = repo.path / ".git" / "hooks" / hook
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\ntouch {repo.path}/../canary\n")
        file.chmod(0o755)
    repo.git("config", "core.fsmonitor", f"touch {repo.path}/../canary #")
    before = state_of(path), state_of(private_of(repo, path)), repo.git("reflog", "--all"), repo.git("stash", "list")
    assert take()
    assert (
        state_of(path),
        state_of(private_of(repo, path)),
        repo.git("reflog", "--all"),
        repo.git("stash", "list"),
    ) == before
    assert not (repo.path / ".." / "canary").exists()


def test_nothing_new_gives_no_snapshot(made, take):
    _, path = made
    assert take() is None
    (path / "a.txt").write_text("changed\n")
    assert take().number == 1
    assert take() is None
    os.utime(path / "a.txt", (1, 1))
    assert take() is None


def test_what_was_kept_and_then_committed_gives_another_snapshot(repo, made, take):
    _, path = made
    (path / "scratch").write_text("x")
    take()
    repo.commit("scratch", at=path)
    assert (take().files, take()) == (0, None)


def test_a_staged_change_that_was_undone_in_the_file_is_kept(repo, plugin, made, take):
    session, path = made
    before = (path / "a.txt").read_text()
    (path / "a.txt").write_text("only staged\n")
    repo.git("add", "a.txt", at=path)
    (path / "a.txt").write_text(before)
    taken = take()
    repo.git("worktree", "remove", "--force", str(path))
    assert bring_back(plugin, session, path, taken.number) == []
    assert (path / "a.txt").read_text() == before
    assert repo.git("show", ":a.txt", at=path) == "only staged"


def test_unmerged_files_are_kept_as_they_are(repo, plugin, made, take):
    session, path = made
    repo.commit("a.txt", "theirs\n")
    repo.commit("a.txt", "ours\n", at=path)
    subprocess.run(["git", "merge", "main"], cwd=path, capture_output=True, check=False)
    marked = (path / "a.txt").read_text()
    assert "<<<<<<<" in marked
    taken = take()
    assert taken.left_out == ("a merge is not finished: the files are kept, but not that",)
    repo.git("worktree", "remove", "--force", str(path))
    assert bring_back(plugin, session, path, 1) == []
    assert (path / "a.txt").read_text() == marked


def test_a_detached_head_is_kept_with_its_commits(repo, made, take):
    _, path = made
    repo.git("checkout", "-q", "--detach", at=path)
    commit = repo.commit("b.txt", at=path)
    taken = take()
    assert repo.git("rev-parse", f"{taken.commit}^1") == commit
    repo.git("worktree", "remove", "--force", str(path))
    repo.git("reflog", "expire", "--expire=now", "--all")
    repo.git("gc", "-q", "--prune=now")
    assert repo.git("cat-file", "-t", commit) == "commit"


def test_an_orphan_branch_is_kept_without_a_parent(repo, made, take):
    _, path = made
    repo.git("checkout", "-q", "--orphan", "fresh", at=path)
    taken = take()
    assert repo.git("rev-list", "--parents", "-1", taken.commit) == taken.commit
    assert repo.git("ls-tree", "--name-only", taken.commit) == "a.txt"


def test_what_a_sparse_checkout_leaves_out_stays_in_the_tree(repo, made, take):
    _, path = made
    (path / "in").mkdir()
    (path / "out").mkdir()
    repo.commit("in/x", at=path)
    repo.commit("out/y", at=path)
    repo.git("sparse-checkout", "set", "in", at=path)
    assert not (path / "out").exists()
    (path / "in" / "x").write_text("changed")
    taken = take()
    assert (taken.files, repo.git("show", f"{taken.commit}:out/y")) == (1, "text")


def test_ignored_and_large_files_are_left_out_and_said(repo, plugin, made):
    session, path = made
    (path / ".gitignore").write_text("*.log\nbuild/\n")
    (path / "build").mkdir()
    for name in ("x.log", "build/a", "build/b"):
        (path / name).write_text("ignored")
    (path / "large").write_bytes(b"x" * 1025)
    (path / "fits").write_bytes(b"x" * 1024)
    plugin.plugin_configure({"base": str(plugin.base), "snapshot_max_file_size": "1k"})
    taken = plugin.workspace_snapshot(session, path, "x")
    assert sorted(taken.left_out) == ["build/: ignored", "large: 1025 bytes, more than 1024", "x.log: ignored"]
    assert repo.git("ls-tree", "-r", "--name-only", taken.commit).split() == [".gitignore", "a.txt", "fits"]
    plugin.plugin_configure({"base": str(plugin.base), "snapshot_ignored": "true"})
    taken = plugin.workspace_snapshot(session, path, "x")
    assert taken.left_out == ()
    assert {"build/a", "build/b", "x.log", "large"} <= set(
        repo.git("ls-tree", "-r", "--name-only", taken.commit).split()
    )


@pytest.mark.parametrize(
    "settings", [{"snapshot_max_file_size": "1T"}, {"snapshot_max_file_size": True}, {"snapshot_ignored": "maybe"}]
)
def test_unusable_settings_are_named(plugin, settings):
    with pytest.raises(HookError, match=next(iter(settings))):
        plugin.plugin_configure(settings)


def test_files_of_nested_repositories_and_submodules_are_kept(repo, make_repo, plugin, made, take, tmp_path):
    session, path = made
    library = make_repo(tmp_path / "library")
    library.commit("lib.c")
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library.path), "sub", at=path)
    repo.git("commit", "-qm", "Add sub", at=path)
    (path / "sub" / "lib.c").write_text("changed in the submodule")
    nested = make_repo(path / "nested")
    nested.commit("inner")
    (path / "nested" / "loose").write_text("untracked in it")
    taken = take()
    assert [line.partition(":")[0] for line in sorted(taken.left_out)] == ["nested", "sub"]
    repo.git("worktree", "remove", "--force", "--force", str(path))
    assert bring_back(plugin, session, path, 1) == []
    assert (path / "sub" / "lib.c").read_text() == "changed in the submodule"
    assert (path / "nested" / "inner").read_text() == "text\n"
    assert (path / "nested" / "loose").read_text() == "untracked in it"


def test_a_lock_left_on_the_index_is_in_nobodys_way(repo, made, take):
    _, path = made
    (private_of(repo, path) / "index.lock").touch()
    (path / "a.txt").write_text("changed")
    assert take().files == 1


def test_no_identity_is_needed(made, take, monkeypatch):
    for name in [name for name in os.environ if name.startswith(("GIT_AUTHOR", "GIT_COMMITTER"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("EMAIL", "")
    (made[1] / "a.txt").write_text("changed")
    assert take().files == 1


def test_concurrent_snapshots_get_numbers_of_their_own(repo, plugin, made):
    session, path = made
    (path / "a.txt").write_text("changed")
    results = []

    def one(number):
        (path / f"new-{number}").write_text("x")
        results.append(plugin.workspace_snapshot(session, path, str(number)))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [taken.number for taken in results if taken is not None]
    assert len(results) == 6
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert [one.number for one in plugin.workspace_snapshots(session)] == sorted(numbers, reverse=True)


def test_a_store_that_cannot_be_written_is_an_error_and_leaves_no_reference(repo, plugin, made, take, monkeypatch):
    session, path = made
    (path / "a.txt").write_text("changed")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.compression")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "nonsense")
    with pytest.raises(HookError, match=r"git .* failed"):
        take()
    monkeypatch.delenv("GIT_CONFIG_COUNT")
    assert plugin.workspace_snapshots(session) == []


def test_a_worktree_that_lost_its_git_file_can_be_kept(made, take):
    _, path = made
    (path / "a.txt").write_text("changed")
    (path / ".git").unlink()
    assert take().files == 1


def test_what_is_no_worktree_any_more_is_an_error(repo, made, take):
    _, path = made
    (path / ".git").unlink()
    shutil.rmtree(private_of(repo, path))
    with pytest.raises(HookError, match="no longer a worktree"):
        take()


def test_snapshots_outlive_the_worktree_and_its_record_and_can_be_dropped(plugin, made, take):
    session, path = made
    (path / "a.txt").write_text("changed")
    taken = take()
    plugin.workspace_destroy(path, True)
    assert plugin.workspace_snapshots(session) == [taken]
    plugin.workspace_drop_snapshot(session, 1)
    plugin.workspace_drop_snapshot(session, 1)
    assert plugin.workspace_snapshots(session) == []


def test_a_missing_snapshot_is_named(plugin, made):
    session, path = made
    with pytest.raises(HookError, match="no snapshot 7; there are: none"):
        plugin.workspace_restore_snapshot(session, path, 7, True)


def test_a_file_that_keeps_changing_is_kept_in_some_state(plugin, made, take):
    _, path = made
    over = threading.Event()

    def agent():
        while not over.is_set():
            for number in range(20):
                (path / f"t{number}").write_text("x")
                (path / f"t{number}").unlink()

    thread = threading.Thread(target=agent)
    (path / "a.txt").write_text("changed")
    thread.start()
    try:
        assert all(taken is None or taken.files >= 1 for taken in (take() for _ in range(5)))
    finally:
        over.set()
        thread.join()
