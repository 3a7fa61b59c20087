"""Locks of git's own: those that a dead git left are removed, those that somebody may hold are not."""

import errno
import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from worktree.looks import nothing_but

from rouser import HookError
from rouser_worktree.abandoned import remove_abandoned

ALONE = True


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


def test_a_lock_that_there_is_no_place_for_is_none(tmp_path):
    (tmp_path / "rouser").touch()
    remove_abandoned(tmp_path / "rouser" / "fix.lock", tmp_path)
