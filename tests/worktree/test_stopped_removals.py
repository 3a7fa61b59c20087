"""Removals that the disk or a kill stops: a worktree is whole or gone, and the next removal completes them."""

import errno
from pathlib import Path

import pytest
from worktree.looks import leave_lock, nothing_but

from rouser import HookError
from rouser_worktree import trees


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
