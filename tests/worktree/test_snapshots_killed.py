"""What those leave who are killed at a snapshot, or while one is put back: nothing that stays or is in the way."""

import fcntl
import os
import shutil
import signal
from pathlib import Path

import pytest
from worktree.looks import private_of

from rouser import HookError
from rouser.git_snapshots import staging


def rest_of(repo):
    """Return what is in the repository that only somebody at work on snapshots has there."""
    git = repo.path / ".git"
    return [*git.glob("rouser*"), *git.rglob("*.lock")]


@pytest.mark.parametrize("last", ["update-index", "write-tree", "commit-tree", "update-ref"])
def test_what_a_killed_snapshot_leaves_goes_with_the_next_one(repo, made, take, tmp_path, monkeypatch, last):
    """The process that takes it is killed together with its git."""
    _, path = made
    (path / "new").write_text("new\n")
    wrapper = tmp_path / "bin" / "git"
    wrapper.parent.mkdir()
    wrapper.write_text(
        f'#!/bin/sh\ncase " $* " in *" {last} "*) kill -9 $PPID;; *) exec {shutil.which("git")} "$@";; esac'
    )
    wrapper.chmod(0o755)
    pid = os.fork()
    if not pid:
        os.environ["PATH"] = f"{wrapper.parent}:{os.environ['PATH']}"
        try:
            take()
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    assert rest_of(repo)
    assert take() is not None
    assert not rest_of(repo)


@pytest.fixture
def staged(repo, plugin, made, take):
    """Lose a worktree with something staged, and have it back without that."""
    session, path = made
    (path / "a.txt").write_text("staged\n")
    repo.git("add", "a.txt", at=path)
    take()
    repo.git("worktree", "remove", "--force", str(path))
    plugin.workspace_restore(session, path)
    return session, path


@pytest.mark.parametrize("whole", [0, 1, len("index"), -1])
def test_a_note_on_a_new_index_that_was_not_written_whole_tells_of_nothing(tmp_path, whole):
    """A full disk, or a kill, may have left any beginning of it; one is the name of the index itself."""
    place = tmp_path / "rouser-snapshot.5b1e.0a1b"
    place.mkdir()
    index = tmp_path / "index"
    index.write_text("the index")
    noted = f"{index}.{place.name}"
    length = len(str(index)) if whole == len("index") else whole
    (place / "index-to-be").write_text(noted[:length])
    staging.clear(place)
    assert index.read_text() == "the index"
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("moment", ["hardlink_to", "replace", "clear"])
def test_who_is_killed_while_staging_again_leaves_no_lock_that_stays(repo, plugin, staged, monkeypatch, moment):
    session, path = staged

    def put_back():
        return plugin.workspace_restore_snapshot(session, path, 1, False)

    def deadly(file, *arguments):
        if file.name.startswith("index"):
            os.kill(os.getpid(), signal.SIGKILL)
        return survived(file, *arguments)

    pid = os.fork()
    if not pid:
        try:
            if moment == "clear":
                monkeypatch.setattr(staging, "clear", lambda place: os.kill(os.getpid(), signal.SIGKILL))
            else:
                survived = getattr(Path, moment)
                monkeypatch.setattr(Path, moment, deadly)
            put_back()
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    assert list(private_of(repo, path).glob("index.*"))
    assert put_back() == []
    assert not list(private_of(repo, path).glob("index.*"))
    assert repo.git("show", ":a.txt", at=path) == "staged"
    assert repo.git("status", "--porcelain", at=path) == "M  a.txt"


def test_an_index_that_somebody_has_locked_stays_as_it_is(repo, plugin, staged):
    session, path = staged
    lock = private_of(repo, path) / "index.lock"
    lock.touch()
    assert plugin.workspace_restore_snapshot(session, path, 1, False) == []
    assert list(private_of(repo, path).glob("index.*")) == [lock]
    assert (path / "a.txt").read_text() == "staged\n"
    assert repo.git("show", ":a.txt", at=path) != "staged"


@pytest.fixture
def lock(repo, made):
    """Provide new work, and a lock on the reference of the snapshot that would keep it."""
    session, path = made
    (path / "new").write_text("new\n")
    lock = repo.path / ".git" / "refs" / "rouser" / session.id / "1.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    return lock


def test_a_lock_of_a_git_that_was_killed_is_not_in_the_way_of_snapshots(take, lock):
    assert take().number == 1
    assert not lock.exists()


def test_a_lock_is_left_alone_while_somebody_else_takes_a_snapshot_of_the_session(repo, made, take, lock):
    other = repo.path / ".git" / f"rouser-snapshot.{made[0].id}.01234567"
    other.mkdir()
    with (other / "held").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(HookError):
            take()
        assert lock.exists()
        assert other.exists()


def test_a_draft_of_a_restore_that_was_killed_is_no_work_and_goes(plugin, made, take):
    session, path = made
    for name in ("new", "sub/new"):
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text("new\n")
    number = take().number
    drafts = [path / ".rouser-draft-0123456789abcdef", path / "sub" / ".rouser-draft-0123456789abcdef"]
    for draft in drafts:
        draft.write_text("")
    assert take() is None
    (path / "new").unlink()
    assert plugin.workspace_restore_snapshot(session, path, number, False) == []
    assert (path / "new").read_text() == "new\n"
    assert not [draft for draft in drafts if draft.exists()]
