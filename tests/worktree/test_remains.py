"""What a git that was killed leaves behind is removed by the next command, and what others hold is not."""

import errno
import json
import os
import time
from pathlib import Path

import pytest
from worktree.looks import leave_lock, nothing_but, place

from rouser import HookError


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
