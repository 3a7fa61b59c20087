"""Snapshots: all work is in them, nothing of the user's changes for it, and it comes back."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from rouser.models import Session, Snapshot
from rouser.testing.guard import needs
from rouser.testing.verdict import expect, refusal
from rouser.testing.workspace.kit import WorkspaceKit, WorkspaceTests, git


class SnapshotTests(WorkspaceTests):
    """What ``workspace_snapshot`` keeps, and what ``workspace_restore_snapshot`` gives back."""

    @needs("workspace_snapshot")
    @needs("workspace_restore_snapshot")
    def test_a_snapshot_has_all_work_and_gives_it_back(self, kit: WorkspaceKit) -> None:
        """Modified, staged, untracked and deleted files, with their bytes and modes."""
        session, path = self._working(kit)
        before = _files(path)
        self._taken(kit, session, path)
        for name in ("start", "staged", "sub/untracked", "run", "link"):
            (path / name).unlink()
        git(path, "checkout", "--quiet", "--", "removed")
        left = kit.anew().restore_snapshot(session, path, 1, overwrite=True)
        expect(left == [], f"a snapshot gives back all but {left}, with overwrite=True")
        after = _files(path)
        lost = sorted(str(name) for name in before | after if before.get(name) != after.get(name))
        expect(not lost, f"work is lost or changed in a snapshot: {', '.join(lost)}")

    @needs("workspace_snapshot")
    def test_taking_a_snapshot_changes_nothing(self, kit: WorkspaceKit) -> None:
        """Neither the files nor the index, nor branches, stash and reflog."""
        session, path = self._working(kit)
        git(kit.repository.path, "stash", "list")
        before = self._everything(kit, path)
        self._taken(kit, session, path)
        after = self._everything(kit, path)
        for what, value in before.items():
            expect(after[what] == value, f"taking a snapshot changes {what}")

    @needs("workspace_snapshot")
    def test_nothing_new_gives_no_snapshot(self, kit: WorkspaceKit) -> None:
        """So that people may take them as often as they like."""
        session, path = kit.made()
        session = session._replace(workspace_path=path)
        expect(kit.workspace.snapshot(session, path, "kit") is None, "a workspace without work gets a snapshot")
        (path / "work").write_text("not committed")
        self._taken(kit, session, path)
        again = kit.anew().snapshot(session, path, "kit")
        expect(again is None, "a workspace that has not changed gets another snapshot")

    @needs("workspace_snapshot")
    @needs("workspace_snapshots")
    @needs("workspace_drop_snapshot")
    def test_snapshots_are_listed_newest_first_and_dropped_one_by_one(self, kit: WorkspaceKit) -> None:
        """With numbers that only grow."""
        session, path = kit.made()
        session = session._replace(workspace_path=path)
        for text in ("one", "two", "three"):
            (path / "work").write_text(text)
            expect(kit.workspace.snapshot(session, path, text) is not None, "work that changed gets no snapshot")
        listed = kit.anew().snapshots(session)
        expect([one.reason for one in listed] == ["three", "two", "one"], f"snapshots are listed as {listed}")
        kit.workspace.drop_snapshot(session, listed[1].number)
        kit.workspace.drop_snapshot(session, listed[1].number)
        expect(kit.anew().snapshots(session) == [listed[0], listed[2]], "dropping one snapshot drops others, or none")
        other, _ = kit.made("rouser/other")
        expect(kit.workspace.snapshots(other) == [], "a session lists the snapshots of another")

    @needs("workspace_snapshot")
    @needs("workspace_snapshots")
    def test_snapshots_survive_the_workspace(self, kit: WorkspaceKit) -> None:
        """Removed by force, or deleted by hand; git's own cleaning up does not take them either."""
        for branch, remove in (("rouser/forced", True), ("rouser/deleted", False)):
            session, path = kit.made(branch)
            session = session._replace(workspace_path=path)
            (path / "work").write_text("not committed")
            taken = self._taken(kit, session, path)
            if remove:
                kit.workspace.destroy(path, force=True)
            else:
                shutil.rmtree(path)
            git(kit.repository.path, "gc", "--quiet", "--prune=now")
            expect(kit.anew().snapshots(session) == [taken], "a snapshot is lost with its workspace")

    @needs("workspace_snapshot")
    @needs("workspace_restore_snapshot")
    def test_what_is_newer_is_not_overwritten_unasked(self, kit: WorkspaceKit) -> None:
        """A file that was changed or committed since, and one that has nothing to do with the snapshot."""
        session, path = kit.made()
        session = session._replace(workspace_path=path)
        (path / "start").write_text("old")
        self._taken(kit, session, path)
        (path / "start").write_text("newer")
        (path / "later").write_text("newer")
        left = kit.workspace.restore_snapshot(session, path, 1, overwrite=False)
        kept = (path / "start").read_text() == "newer" and (path / "later").exists()
        expect(kept, "workspace_restore_snapshot overwrites newer work without being asked to")
        expect(left == ["start"], f"workspace_restore_snapshot says that it left {left}, where it left start")
        kit.workspace.restore_snapshot(session, path, 1, overwrite=True)
        expect((path / "start").read_text() == "old", "workspace_restore_snapshot does not overwrite when asked to")
        expect((path / "later").exists(), "workspace_restore_snapshot removes what the snapshot does not have")

    @needs("workspace_snapshot")
    @needs("workspace_restore_snapshot")
    def test_a_missing_snapshot_is_an_error(self, kit: WorkspaceKit) -> None:
        """And never another one in its place."""
        session, path = self._working(kit)
        self._taken(kit, session, path)
        refusal(
            lambda: kit.workspace.restore_snapshot(session, path, 99, overwrite=True),
            "a snapshot that does not exist is put back",
        )

    @needs("workspace_snapshot")
    @needs("workspace_restore_snapshot")
    @needs("workspace_restore")
    def test_a_lost_workspace_comes_back_with_its_work(self, kit: WorkspaceKit) -> None:
        """As a restore does it: first the workspace from its branch, then the newest snapshot."""
        session, path = self._working(kit)
        commit = git(path, "rev-parse", "HEAD")
        if not kit.repository.keeps(commit):
            git(path, "push", "--quiet", str(kit.repository.path), f"HEAD:refs/heads/{session.branch}")
        before = _files(path)
        self._taken(kit, session, path)
        shutil.rmtree(path)
        restored = kit.anew().restore(session, path)
        left = kit.workspace.restore_snapshot(session, restored, 1, overwrite=False)
        expect(left == [], f"a snapshot is put into a fresh workspace without {left}")
        after = _files(restored)
        lost = sorted(str(name) for name in before | after if before.get(name) != after.get(name))
        expect(not lost, f"a lost workspace comes back without its work: {', '.join(lost)}")
        expect(git(restored, "rev-parse", "HEAD") == commit, "work comes back committed")

    def _working(self, kit: WorkspaceKit) -> tuple[Session, Path]:
        """Return a session and its workspace, with work of every kind in it."""
        session, path = kit.made()
        kit.repository.commit("removed", at=path)
        (path / "start").write_text("changed")
        (path / "staged").write_text("staged")
        git(path, "add", "staged")
        (path / "sub").mkdir()
        (path / "sub" / "untracked").write_bytes(b"\r\n\0\xff")
        (path / "run").write_text("#!/bin/sh\n")
        (path / "run").chmod(0o755)
        (path / "link").symlink_to("start")
        (path / "removed").unlink()
        return session._replace(workspace_path=path), path

    def _taken(self, kit: WorkspaceKit, session: Session, path: Path) -> Snapshot:
        taken = kit.workspace.snapshot(session, path, "kit")
        if taken is None:
            raise AssertionError("workspace_snapshot keeps nothing of a workspace with work")
        return taken

    def _everything(self, kit: WorkspaceKit, path: Path) -> dict[str, object]:
        return {
            "the files": _files(path),
            "the index": git(path, "ls-files", "--stage", "--debug"),
            "the branches": git(kit.repository.path, "for-each-ref", "refs/heads", "refs/tags", "refs/stash"),
            "the repository's own checkout": kit.repository.state(),
            "what is checked out": git(path, "symbolic-ref", "HEAD"),
            "the reflog": git(path, "reflog", "--all"),
        }


def _files(path: Path) -> dict[Path, tuple[int, bytes]]:
    """Return mode and content of everything in a workspace but its ``.git``."""
    found = {}
    for place in path.rglob("*"):
        status, name = place.lstat(), place.relative_to(path)
        if name.parts[0] == ".git" or stat.S_ISDIR(status.st_mode):
            continue
        is_link = stat.S_ISLNK(status.st_mode)
        found[name] = (status.st_mode, os.fsencode(place.readlink()) if is_link else place.read_bytes())
    return found
