"""What a git that was killed leaves behind is removed by the next command, and what others hold is not."""

import errno
import json
import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from rouser import HookError
from rouser_worktree import trees
from rouser_worktree.abandoned import remove_abandoned


def place(base, session):
    path = base / "shop" / session.short_id
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def leave_lock(path):
    """Leave what tells that whoever worked on a worktree was killed."""
    path.with_name(f".{path.name}.lock").touch()


def nothing_but(directory, *names):
    return {entry.name for entry in directory.iterdir()} == set(names)


@pytest.mark.parametrize("name", ["refs/heads/rouser/fix.lock", "packed-refs.lock"])
def test_a_lock_of_a_git_that_was_killed_is_removed(repo, spawn, session, base, name):
    leave_lock(place(base, session))
    lock = repo.path / ".git" / name
    lock.parent.mkdir(exist_ok=True)
    lock.touch()
    spawn(session)
    assert not lock.exists()


def test_a_lock_is_left_alone_when_nobody_was_killed(repo, spawn, session):
    lock = repo.path / ".git" / "refs" / "heads" / "rouser" / "fix.lock"
    lock.parent.mkdir()
    lock.touch()
    with pytest.raises(HookError, match="File exists"):
        spawn(session)
    assert lock.exists()


def test_a_lock_from_before_the_killed_git_began_is_left_alone(repo, spawn, session, base):
    lock = repo.path / ".git" / "packed-refs.lock"
    lock.touch()
    os.utime(lock, (time.time() - 60,) * 2)
    leave_lock(place(base, session))
    spawn(session)
    assert lock.exists()


@pytest.mark.parametrize("there", [(), ("gitdir",), ("gitdir", "HEAD")])
def test_half_an_entry_is_removed_which_would_be_in_the_way_of_every_git(repo, spawn, session, base, there):
    path = place(base, session)
    leave_lock(path)
    entry = repo.path / ".git" / "worktrees" / path.name
    entry.mkdir(parents=True)
    for name in there:
        (entry / name).write_text(f"{path}/.git\n" if name == "gitdir" else "")
    (entry / "locked").write_text("initializing\n")
    spawn(session)
    assert path in repo.listed()
    assert nothing_but(entry.parent, path.name)


def test_a_worktree_whose_restore_was_killed_is_not_usable_and_is_completed(repo, plugin, spawn, session):
    path = spawn(session)
    (path / "a.txt").unlink()
    leave_lock(path)
    assert not plugin.workspace_exists(path)
    assert plugin.workspace_restore(session, path) == path
    assert plugin.workspace_exists(path)
    assert (path / "a.txt").exists()
    assert nothing_but(path.parent, path.name, f".{path.name}.json")


def test_what_was_changed_in_a_worktree_stays_when_it_is_completed(repo, plugin, spawn, session):
    """Whoever was killed may have been about to find out that there is work in it."""
    repo.commit("b.txt")
    path = spawn(session)
    (path / "a.txt").write_text("work\n")
    (path / "new.txt").write_text("more work\n")
    (path / "b.txt").unlink()
    leave_lock(path)
    plugin.workspace_restore(session, path)
    assert [(path / name).read_text() for name in ("a.txt", "b.txt", "new.txt")] == ["work\n", "text\n", "more work\n"]


def test_a_file_that_was_half_written_when_a_restore_was_killed_is_written_anew(repo, plugin, spawn, session):
    path = spawn(session)
    (path / "a.txt").write_text("te")
    path.with_name(f".{path.name}.filling").touch()
    assert not plugin.workspace_exists(path)
    plugin.workspace_restore(session, path)
    assert repo.git("status", "--porcelain", at=path) == ""
    assert plugin.workspace_exists(path)
    assert nothing_but(path.parent, path.name, f".{path.name}.json")


def test_a_restore_that_was_killed_before_it_had_written_a_link_is_begun_anew(repo, plugin, spawn, session):
    path = spawn(session)
    repo.git("worktree", "remove", "--force", str(path))
    path.mkdir()
    (path / ".git").touch()
    leave_lock(path)
    plugin.workspace_restore(session, path)
    assert (path / "a.txt").exists()
    assert path in repo.listed()


def test_a_branch_whose_maker_was_killed_is_known_to_be_ours(repo, plugin, spawn, session, base):
    path = place(base, session)
    start = repo.git("rev-parse", "HEAD")
    record = {"session": session.id, "repository": str(repo.path / ".git"), "branch": session.branch}
    (path.parent / f".{path.name}.json").write_text(json.dumps({**record, "start": start, "ready": False}))
    repo.git("branch", session.branch)
    leave_lock(path)
    plugin.workspace_destroy(path, force=False)
    assert repo.branches() == ["main"]
    assert nothing_but(path.parent)


def test_files_of_locks_that_nobody_holds_are_removed(spawn, session, base):
    path = place(base, session)
    (path.parent / ".0123456789abcdef.branch").touch()
    for name in (f".{path.name}.new", ".gone.lock", ".gone.new"):
        (path.parent / name).touch()
    spawn(session)
    assert nothing_but(path.parent, path.name, f".{path.name}.json")


def test_a_draft_that_cannot_be_removed_is_in_nobodys_way(spawn, session, base):
    path = place(base, session)
    (path.parent / ".gone.lock").touch()
    (path.parent / ".gone.new").mkdir()
    spawn(session)
    assert nothing_but(path.parent, path.name, f".{path.name}.json", ".gone.new")


def test_removing_what_is_gone_removes_the_lock_of_one_who_was_killed_at_the_end(plugin, session, base):
    path = place(base, session)
    leave_lock(path)
    plugin.workspace_destroy(path, force=False)
    assert nothing_but(path.parent)


def test_what_is_half_made_is_discovered_and_locks_without_anything_are_swept(repo, plugin, session, base):
    path = place(base, session)
    record = {"session": session.id, "repository": str(repo.path / ".git"), "branch": session.branch}
    (path.parent / f".{path.name}.json").write_text(json.dumps({**record, "start": None, "ready": False}))
    for name in (".0123.branch", ".gone.lock", ".gone.new"):
        (path.parent / name).touch()
    assert [found.path for found in plugin.workspace_discover()] == [path]
    assert nothing_but(path.parent, f".{path.name}.json")


def test_a_git_that_is_killed_by_itself_leaves_nothing(repo, plugin, spawn, session, base):
    """The checkout runs in a git that another git has started, and only that one is killed."""
    repo.commit(".gitattributes", "* filter=deadly\n")
    repo.git("config", "filter.deadly.smudge", "kill -9 $PPID")
    with pytest.raises(HookError):
        spawn(session)
    assert repo.branches() == ["main"]
    assert nothing_but(base / "shop")
    assert not list((repo.path / ".git").rglob("*.lock"))


def test_a_lock_whose_file_cannot_be_removed_is_let_go_all_the_same(plugin, spawn, session, monkeypatch):
    unlink = Path.unlink

    def stuck(path, missing_ok=False):
        if path.suffix == ".lock":
            raise OSError(errno.EIO, "Input/output error")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", stuck)
    path = spawn(session)
    monkeypatch.undo()
    assert plugin.workspace_exists(path)
    (path / "new").write_text("work")
    assert plugin.workspace_snapshot(session, path, "by hand") is not None
    plugin.workspace_destroy(path, force=True)
    assert nothing_but(path.parent)


def test_one_failure_to_remove_a_lock_leaves_none(spawn, session, monkeypatch):
    unlink, failed = Path.unlink, set()

    def slips(path, missing_ok=False):
        if path.suffix in {".lock", ".branch"} and path not in failed:
            failed.add(path)
            raise OSError(errno.EIO, "Input/output error")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", slips)
    path = spawn(session)
    assert len(failed) == 2
    assert nothing_but(path.parent, path.name, f".{path.name}.json")


def test_a_lock_that_git_could_not_remove_is_removed_though_git_says_that_it_succeeded(repo, spawn, session):
    lock = repo.path / ".git" / "worktrees" / session.short_id / "HEAD.lock"
    repo.hook("post-checkout", f"touch {lock}")
    path = spawn(session)
    assert (path / "a.txt").exists()
    assert not lock.exists()


def test_a_lock_of_a_git_that_died_during_a_restore_is_not_in_the_way_of_the_next(repo, plugin, spawn, session):
    path = spawn(session)
    lock = repo.path / ".git" / "worktrees" / path.name / "HEAD.lock"
    shutil.rmtree(path)
    repo.hook("post-checkout", f"touch {lock}; kill -9 $PPID")
    with pytest.raises(HookError):
        plugin.workspace_restore(session, path)
    repo.hook("post-checkout", "true")
    assert not lock.exists()
    plugin.workspace_restore(session, path)
    assert (path / "a.txt").exists()


def test_a_lock_that_git_could_not_take_off_again_is_not_the_users(repo, plugin, spawn, session):
    path = spawn(session)
    (repo.path / ".git" / "worktrees" / path.name / "locked").write_text("initializing\n")
    plugin.workspace_destroy(path, force=False)
    assert nothing_but(path.parent)


def branch_lock(repo):
    return repo.path / ".git" / "refs" / "heads" / "rouser" / "fix.lock"


def test_a_lock_of_a_git_that_died_during_a_removal_is_not_in_the_way_of_the_next(repo, plugin, spawn, session):
    path = spawn(session)
    hook = repo.path / ".git" / "hooks" / "reference-transaction"
    hook.write_text("#!/bin/sh\nkill -9 $PPID\n")
    hook.chmod(0o755)
    with pytest.raises(HookError):
        plugin.workspace_destroy(path, force=True)
    hook.unlink()
    assert not branch_lock(repo).exists()
    plugin.workspace_destroy(path, force=True)
    assert repo.branches() == ["main"]


def test_a_lock_on_the_branch_that_no_git_holds_is_not_in_the_way_of_a_removal(repo, plugin, spawn, session):
    path = spawn(session)
    branch_lock(repo).touch()
    os.utime(branch_lock(repo), (time.time() - 60,) * 2)
    plugin.workspace_destroy(path, force=True)
    assert repo.branches() == ["main"]


@contextmanager
def living_git(*options, cwd, **changes):
    """Run a git that has opened its repository, and answers until the end."""
    with subprocess.Popen(
        ["git", *options, "cat-file", "--batch-check"],
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | changes,
        bufsize=0,
    ) as living:
        living.stdin.write(b"HEAD\n")
        assert b"commit" in living.stdout.readline()
        yield
        living.stdin.close()


@pytest.mark.parametrize("way", ["directory", "below", "worktree", "option", "variable", "relative"])
def test_a_lock_that_a_living_git_may_hold_is_left_alone(repo, spawn, session, tmp_path, way):
    path = spawn(session)
    git_directory = str(repo.path / ".git")
    (repo.path / "below").mkdir()
    ways = {
        "directory": {"cwd": repo.path},
        "below": {"cwd": repo.path / "below"},
        "worktree": {"cwd": path},
        "option": {"cwd": tmp_path},
        "variable": {"cwd": tmp_path, "GIT_DIR": git_directory},
        "relative": {"cwd": tmp_path, "GIT_DIR": os.path.relpath(git_directory, tmp_path)},
    }
    options = [f"--git-dir={git_directory}"] if way == "option" else []
    branch_lock(repo).touch()
    with living_git(*options, **ways[way]):
        remove_abandoned(branch_lock(repo), (repo.path / ".git").resolve())
        assert branch_lock(repo).exists()


def test_a_lock_that_may_be_held_keeps_the_branch(repo, plugin, spawn, session):
    path = spawn(session)
    branch_lock(repo).touch()
    with living_git(cwd=repo.path), pytest.raises(HookError, match="File exists"):
        plugin.workspace_destroy(path, force=True)
    assert branch_lock(repo).exists()
    assert "rouser/fix" in repo.branches()


@pytest.mark.parametrize("way", ["directory", "worktree", "option", "variable"])
def test_a_git_of_another_repository_holds_no_lock_of_this_one(repo, plugin, spawn, session, tmp_path, way):
    other = tmp_path / "other"
    repo.git("clone", "--quiet", str(repo.path), str(other))
    repo.git("worktree", "add", "--quiet", str(tmp_path / "linked"), at=other)
    ways = {
        "directory": {"cwd": other},
        "worktree": {"cwd": tmp_path / "linked"},
        "option": {"cwd": repo.path},
        "variable": {"cwd": repo.path, "GIT_DIR": str(other / ".git")},
    }
    options = [f"--git-dir={other / '.git'}"] if way == "option" else []
    path = spawn(session)
    branch_lock(repo).touch()
    with living_git(*options, **ways[way]):
        plugin.workspace_destroy(path, force=True)
    assert repo.branches() == ["main"]


@pytest.fixture
def broken_removal(monkeypatch):
    """Let each removal of a directory delete one file, and then have the disk say no."""

    def begin(path):
        next(file for file in Path(path).iterdir() if file.is_file()).unlink()
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(trees.shutil, "rmtree", begin)
    return monkeypatch.undo


def test_a_removal_that_the_disk_stops_is_completed_by_the_next(repo, plugin, spawn, session, broken_removal):
    path = spawn(session)
    (path / "new").write_text("work")
    for _ in range(2):
        with pytest.raises(HookError, match="Read-only file system"):
            plugin.workspace_destroy(path, force=True)
    broken_removal()
    assert not path.exists()
    assert plugin.workspace_snapshot(session, path, "before rm") is None
    plugin.workspace_destroy(path, force=True)
    assert nothing_but(path.parent)
    assert repo.branches() == ["main"]


def test_after_a_removal_that_the_disk_stopped_a_restore_brings_all_files_back(plugin, spawn, session, broken_removal):
    path = spawn(session)
    with pytest.raises(HookError, match="Read-only file system"):
        plugin.workspace_destroy(path, force=True)
    broken_removal()
    plugin.workspace_restore(session, path)
    assert (path / "a.txt").read_text() == "text\n"
    assert nothing_but(path.parent, path.name, f".{path.name}.json")


def test_a_worktree_that_cannot_be_taken_out_of_its_place_is_what_it_was(plugin, spawn, session, monkeypatch):
    path = spawn(session)
    (path / "new").write_text("work")

    def refuse(path, target):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(HookError, match="Read-only file system"):
        plugin.workspace_destroy(path, force=True)
    assert plugin.workspace_exists(path)
    assert (path / "new").read_text() == "work"


def test_a_directory_that_an_overlay_does_not_rename_is_removed_where_it_is(plugin, spawn, session, monkeypatch):
    path = spawn(session)

    def refuse(path, target):
        raise OSError(errno.EXDEV, "Invalid cross-device link", str(path))

    monkeypatch.setattr(Path, "rename", refuse)
    plugin.workspace_destroy(path, force=True)
    assert nothing_but(path.parent)


def test_work_after_a_removal_that_was_killed_before_it_removed_anything_is_kept(plugin, spawn, session):
    path = spawn(session)
    leave_lock(path)
    (path / "new").write_text("work")
    assert plugin.workspace_snapshot(session, path, "before rm").files == 1


def test_what_a_snapshot_left_goes_with_the_worktree(repo, plugin, spawn, session):
    path = spawn(session)
    left = repo.path / ".git" / f"rouser-snapshot.{session.id}.01234567"
    left.mkdir()
    (left / "held").touch()
    plugin.workspace_destroy(path, force=True)
    assert not left.exists()


@pytest.fixture
def packed_lock(repo):
    """Let each git that changes a reference leave the lock on the packed ones, and say that it has succeeded."""
    lock = repo.path / ".git" / "packed-refs.lock"
    hook = repo.path / ".git" / "hooks" / "reference-transaction"
    hook.write_text(f'#!/bin/sh\nif [ "$1" = committed ]; then touch {lock}; fi\n')
    hook.chmod(0o755)
    return lock


def test_a_lock_on_all_references_that_git_could_not_remove_is_removed(repo, plugin, spawn, session, packed_lock):
    path = spawn(session)
    plugin.workspace_destroy(path, force=True)
    assert repo.branches() == ["main"]
    assert not packed_lock.exists()


def test_a_lock_on_all_references_that_may_be_held_is_left_alone(repo, plugin, spawn, session, packed_lock):
    path = spawn(session)
    with living_git(cwd=repo.path):
        plugin.workspace_destroy(path, force=True)
    assert packed_lock.exists()


def test_a_lock_that_the_disk_keeps_for_long_is_removed_by_the_next(
    repo, plugin, spawn, session, packed_lock, monkeypatch
):
    path = spawn(session)
    unlink = Path.unlink

    def stuck(path, missing_ok=False):
        if repo.path in path.parents and path.suffix == ".lock":
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", stuck)
    with pytest.raises(HookError, match="Read-only file system"):
        plugin.workspace_destroy(path, force=True)
    monkeypatch.undo()
    plugin.workspace_destroy(path, force=True)
    assert not packed_lock.exists()
    assert nothing_but(path.parent)
