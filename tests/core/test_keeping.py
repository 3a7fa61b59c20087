"""Work is kept before it could be lost, and comes back with the workspace."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.fakes import FakeWorkspace
from support.stage import Stage, raiser

from rouser import (
    HookError,
    PluginCallError,
    SessionAliveError,
    SessionNotFoundError,
    Snapshot,
    SnapshotError,
    WorkspaceMissingError,
    hookimpl,
)
from rouser.control import remove
from rouser.keeping import drop, put_back, snapshot, snapshots


class KeepingWorkspace(FakeWorkspace):
    """Keeps the text of the file ``work``."""

    def __init__(self, journal, root):
        super().__init__(journal, root)
        self.kept: dict[int, str | None] = {}  # None: no such file

    @hookimpl
    def workspace_snapshot(self, session, path, reason):
        self.journal.begin("workspace_snapshot", reason)
        file = path / "work"
        text = file.read_text() if file.exists() else None
        if text is None or text in self.kept.values():
            return None
        self.kept[len(self.kept) + 1] = text
        return self.snapshot(len(self.kept), reason)

    def snapshot(self, number, reason="x"):
        return Snapshot(number=number, commit=f"c{number}", at=datetime.now(UTC), reason=reason, files=1)

    @hookimpl
    def workspace_snapshots(self, session):
        self.journal.begin("workspace_snapshots", session.id)
        return [self.snapshot(number) for number in sorted(self.kept, reverse=True)]

    @hookimpl
    def workspace_restore_snapshot(self, session, path, number, overwrite):
        self.journal.begin("workspace_restore_snapshot", (number, overwrite))
        file = path / "work"
        if file.exists() and not overwrite:
            return ["work"]
        if (text := self.kept[number]) is not None:
            file.write_text(text)
        return []

    @hookimpl
    def workspace_drop_snapshot(self, session, number):
        self.kept.pop(number, None)

    @hookimpl
    def workspace_destroy(self, path, force):
        self.journal.begin("workspace_destroy", path)
        if (path / "work").exists():
            if not force:
                raise HookError("it holds work")
            (path / "work").unlink()
        if path.exists():
            path.rmdir()


@pytest.fixture
def stage(tmp_path: Path):
    made = Stage(tmp_path, workspace=KeepingWorkspace)
    yield made
    made.close()


def with_work(stage, text="draft", **fields):
    session = stage.add(**fields)
    (session.workspace_path / "work").write_text(text)
    return session


def test_removing_by_force_keeps_the_work_first(stage):
    session = with_work(stage)
    remove(stage.host, stage.store, session.id, force=True)
    hooks = [hook for hook, _ in stage.journal.calls if hook in {"workspace_snapshot", "workspace_destroy"}]
    assert hooks == ["workspace_snapshot", "workspace_destroy"]
    assert stage.workspace.kept == {1: "draft"}
    assert stage.events(session) == ["snapshot", "removed"]


def test_the_agent_ends_before_its_work_is_kept(stage):
    session = with_work(stage, alive=True)
    remove(stage.host, stage.store, session.id, force=True)
    hooks = [hook for hook, _ in stage.journal.calls]
    assert hooks.index("runtime_destroy") < hooks.index("workspace_snapshot")


def test_what_cannot_be_kept_is_not_removed(stage):
    session = with_work(stage)
    stage.journal.before["workspace_snapshot"] = raiser(HookError("the disk is full"))
    with pytest.raises(SnapshotError, match=r"the disk is full.*rouser rm \w+ --force --no-snapshot"):
        remove(stage.host, stage.store, session.id, force=True)
    assert stage.store.get(session.id)
    assert (session.workspace_path / "work").exists()
    remove(stage.host, stage.store, session.id, force=True, snapshot=False)
    assert not session.workspace_path.exists()


def test_a_lost_workspace_comes_back_with_its_latest_snapshot(stage):
    session = with_work(stage)
    snapshot(stage.host, stage.store, session.id, "by hand")
    (session.workspace_path / "work").unlink()
    session.workspace_path.rmdir()
    plan = stage.plan(session.id)
    assert plan.evidence["workspace"].startswith(f"gone, to be recreated from {session.branch} with snapshot 1 of ")
    outcome = stage.restore(session.id)
    assert (session.workspace_path / "work").read_text() == "draft"
    assert outcome.evidence["workspace"].startswith(f"recreated from {session.branch} with snapshot 1 of ")
    assert stage.journal.of("workspace_restore_snapshot") == [(1, False)]


def test_a_plan_fails_as_the_restore_does_where_snapshots_cannot_be_listed(stage):
    session = stage.add()
    session.workspace_path.rmdir()
    for act in (stage.plan, stage.restore):
        stage.journal.before["workspace_snapshots"] = raiser(HookError("the repository is gone"))
        with pytest.raises(WorkspaceMissingError, match=r"workspace missing: .*the repository is gone"):
            act(session.id)


def test_nothing_is_asked_of_snapshots_where_nothing_was_lost(stage):
    session = with_work(stage)
    stage.restore(session.id)
    assert not [hook for hook, _ in stage.journal.calls if "snapshot" in hook]


def test_a_restore_that_was_killed_before_the_snapshot_is_completed_by_the_next(stage):
    session = with_work(stage)
    snapshot(stage.host, stage.store, session.id, "by hand")
    (session.workspace_path / "work").unlink()
    session.workspace_path.rmdir()
    stage.journal.before["workspace_restore_snapshot"] = raiser(HookError("killed"))
    with pytest.raises(WorkspaceMissingError, match=r"killed.*--no-snapshot"):
        stage.restore(session.id)
    assert session.workspace_path.exists()
    del stage.journal.before["workspace_restore_snapshot"]
    outcome = stage.restore(session.id)
    assert (session.workspace_path / "work").read_text() == "draft"
    assert "with snapshot 1" in outcome.evidence["workspace"]
    count = len(stage.journal.of("workspace_restore_snapshot"))
    stage.runtime.live.clear()
    stage.restore(session.id)
    assert len(stage.journal.of("workspace_restore_snapshot")) == count


@pytest.mark.parametrize("lost_again", [False, True])
def test_a_snapshot_of_a_half_restored_workspace_does_not_stand_for_the_lost_work(stage, lost_again):
    session = with_work(stage)
    snapshot(stage.host, stage.store, session.id, "by hand")
    (session.workspace_path / "work").unlink()
    session.workspace_path.rmdir()
    stage.journal.before["workspace_restore_snapshot"] = raiser(HookError("killed"))
    with pytest.raises(WorkspaceMissingError):
        stage.restore(session.id)
    stage.workspace.kept[2] = None
    if lost_again:
        session.workspace_path.rmdir()
        with pytest.raises(WorkspaceMissingError):
            stage.restore(session.id)
    del stage.journal.before["workspace_restore_snapshot"]
    outcome = stage.restore(session.id)
    assert (session.workspace_path / "work").read_text() == "draft"
    assert "with snapshot 1" in outcome.evidence["workspace"]


def test_a_restore_can_do_without_the_snapshot(stage):
    session = with_work(stage)
    snapshot(stage.host, stage.store, session.id, "by hand")
    (session.workspace_path / "work").unlink()
    session.workspace_path.rmdir()
    stage.restore(session.id, with_snapshot=False)
    assert not (session.workspace_path / "work").exists()


def test_putting_back_keeps_what_is_there_first(stage):
    session = with_work(stage, "first")
    snapshot(stage.host, stage.store, session.id, "by hand")
    (session.workspace_path / "work").write_text("second")
    done = put_back(stage.host, stage.store, session.id, None)
    assert (done.snapshot.number, done.before.number, done.left) == (1, 2, ())
    assert (session.workspace_path / "work").read_text() == "first"
    assert stage.workspace.kept[2] == "second"


def test_nothing_is_put_back_over_what_could_not_be_kept(stage):
    session = with_work(stage, "first")
    snapshot(stage.host, stage.store, session.id, "by hand")
    (session.workspace_path / "work").write_text("second")
    stage.journal.before["workspace_snapshot"] = raiser(HookError("the disk is full"))
    with pytest.raises(SnapshotError, match="nothing was changed"):
        put_back(stage.host, stage.store, session.id, 1)
    assert (session.workspace_path / "work").read_text() == "second"


def test_nothing_is_put_back_under_a_live_agent(stage):
    session = with_work(stage, alive=True)
    snapshot(stage.host, stage.store, session.id, "by hand")
    with pytest.raises(SessionAliveError, match="rouser kill"):
        put_back(stage.host, stage.store, session.id, 1)


def test_the_snapshots_of_a_removed_session_are_listed_and_dropped(stage):
    session = with_work(stage)
    remove(stage.host, stage.store, session.id, force=True)
    owner, found = snapshots(stage.host, stage.store, session.id[:8])
    assert (owner.id, [one.number for one in found]) == (session.id, [1])
    with pytest.raises(SnapshotError, match=r"was removed.*git -C .* branch NAME c1"):
        put_back(stage.host, stage.store, session.id, None)
    with pytest.raises(SnapshotError, match="no snapshot 3; there are: 1"):
        drop(stage.host, stage.store, session.id, [1, 3], None)
    assert drop(stage.host, stage.store, session.id, [], 0) == [1]
    assert snapshots(stage.host, stage.store, session.id)[1] == []


def test_an_id_that_never_was_is_not_found(stage):
    with pytest.raises(SessionNotFoundError):
        snapshots(stage.host, stage.store, "abc")


def test_a_snapshot_without_a_number_is_the_plugins_fault(stage):
    session = with_work(stage)
    stage.workspace.snapshot = lambda number, reason="x": Snapshot(number=0, commit="c", at=datetime.now(UTC))
    with pytest.raises(PluginCallError, match="workspace_snapshot"):
        snapshot(stage.host, stage.store, session.id, "by hand")


def test_a_session_in_place_keeps_nothing(stage):
    session = stage.add(workspace=None)
    with pytest.raises(SnapshotError, match="works in place"):
        snapshot(stage.host, stage.store, session.id, "by hand")
