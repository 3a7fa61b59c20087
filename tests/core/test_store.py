"""The session records: what is written comes back, and is found by what people type."""

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from support.stage import LONG_AGO, intent, make_session, receipt
from support.waiting import wait_for

import rouser
from rouser import (
    ActivityState,
    Conversation,
    Evidence,
    PromptState,
    Session,
    SessionNotFoundError,
    SessionStatus,
    StoreError,
)
from rouser.store import Store

OVER = ("killed", "done", "cleanup", "errored", "merged")
DESCRIPTORS = Path("/proc/self/fd")
SOURCES = str(Path(rouser.__file__).parents[1])
TESTS = str(Path(__file__).parents[1])


def full_session(root: Path) -> Session:
    """Return a session none of whose fields has its default."""
    return make_session(
        root,
        status=SessionStatus.NEEDS_INPUT,
        name="export",
        agent_config={"model": "x", "n": [1, 2.5, None, True], "ü": {"arguments": ["\udcff"]}},
        runtime_config={"time": "4:00:00"},
        runtime_handle="tmux:1:$3",
        runtime_name="export",
        workspace_path=Path("/somewhere/el se/\N{SNOWMAN}"),
        base="origin/main",
        task="a task\nof two lines \N{SNOWMAN} '\" %_ \x1b[31m",
        activity=ActivityState.WAITING_INPUT,
        conversation=Conversation(id="5b1e", evidence=Evidence.HOOK, reason="said so"),
        prompt=receipt(PromptState.ACCEPTED),
        pending=intent("export", command=("a", "", "\n", "\udcfe"), resumed=True, prompt_in_command=True),
        issue_id="17",
        issue_url="https://example.org/17",
        initial_prompt_override="",
        spawned_by="me",
        metadata={"deep": {"er": [{}]}},
    )


def test_every_field_comes_back_as_it_was(store: Store, tmp_path: Path) -> None:
    session = full_session(tmp_path)
    defaults = make_session(tmp_path, id=session.id)
    for field in Session._fields:
        required = field in {"id", "project_id", "agent", "runtime", "workspace", "repository", "branch"}
        times = field in {"created_at", "updated_at"}
        assert required or times or getattr(session, field) != getattr(defaults, field), field
    store.add(session, "added")
    store.close()
    assert store.get(session.id) == session


def test_fields_that_are_none_come_back_as_none(store: Store, tmp_path: Path) -> None:
    session = store.add(make_session(tmp_path), "added")
    assert store.get(session.id) == session


@pytest.mark.parametrize("status", SessionStatus)
def test_every_status_comes_back(store: Store, tmp_path: Path, status: SessionStatus) -> None:
    session = store.add(make_session(tmp_path, status=status), "added")
    assert store.get(session.id).status is status


def test_paths_that_are_not_utf8_come_back_byte_for_byte(store: Store) -> None:
    path = Path(os.fsdecode(b"/srv/\xff\xfe/caf\xe9"))
    session = store.add(make_session(path, workspace_path=path / "w"), "added")
    store.close()
    found = store.get(session.id)
    assert os.fsencode(found.repository) == b"/srv/\xff\xfe/caf\xe9"
    assert found == session
    store.remove(found, "removed")
    assert store.history(session.id)[-1].detail["record"]["repository"] == str(path)


def test_times_of_other_zones_come_back_as_the_same_moment(store: Store, tmp_path: Path) -> None:
    moment = datetime(2024, 1, 1, 12, tzinfo=timezone(timedelta(hours=5)))
    session = store.add(make_session(tmp_path, created_at=moment), "added")
    assert store.get(session.id).created_at == moment


class TestWrites:
    """Every change is whole and leaves a line in the history."""

    def test_record_and_history_are_written_together_or_not_at_all(self, store: Store, tmp_path: Path) -> None:
        session = store.add(make_session(tmp_path), "added")
        with pytest.raises(TypeError):
            store.update(session._replace(task="new"), "changed", {"not": object()})
        assert store.get(session.id) == session
        assert [entry.event for entry in store.history(session.id)] == ["added"]
        store.update(session._replace(task="new"), "changed")
        assert store.get(session.id).task == "new"

    def test_the_history_tells_each_change_of_status(self, store: Store, tmp_path: Path) -> None:
        session = store.add(make_session(tmp_path, status=SessionStatus.SPAWNING), "added", {"by": "me"})
        session = store.update(session._replace(status=SessionStatus.WORKING), "working")
        store.note(session, "seen")
        store.remove(session, "removed")
        history = store.history(session.id)
        assert [(entry.event, entry.old_status, entry.new_status) for entry in history] == [
            ("added", None, "spawning"),
            ("working", "spawning", "working"),
            ("seen", "working", "working"),
            ("removed", "working", None),
        ]
        assert history[0].detail == {"by": "me"}
        assert all(entry.at.tzinfo is UTC for entry in history)

    @pytest.mark.parametrize("statement", ["DELETE FROM history", "UPDATE history SET event = 'x'"])
    def test_the_history_can_only_grow(self, store: Store, tmp_path: Path, statement: str) -> None:
        store.add(make_session(tmp_path), "added")
        connection = sqlite3.connect(store.path)
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
        connection.close()

    def test_an_update_is_stamped_and_a_revert_is_not(self, store: Store, tmp_path: Path) -> None:
        session = store.add(make_session(tmp_path), "added")
        assert store.update(session, "x").updated_at > LONG_AGO
        store.revert(session, "y")
        assert store.get(session.id) == session

    def test_a_session_that_was_removed_does_not_come_back(self, store: Store, tmp_path: Path) -> None:
        session = store.add(make_session(tmp_path), "added")
        store.remove(session, "removed")
        with pytest.raises(SessionNotFoundError, match="removed in the meantime"):
            store.update(session, "late")
        assert [entry.event for entry in store.history(session.id)] == ["added", "removed"]

    def test_an_id_or_name_is_given_once(self, store: Store, tmp_path: Path) -> None:
        session = store.add(make_session(tmp_path, name="export"), "added")
        for again in (session, make_session(tmp_path, name="export")):
            with pytest.raises(StoreError, match="id or name is taken"):
                store.add(again, "added")
        assert store.sessions() == [session]

    def test_every_commit_reaches_the_disk_before_it_is_reported(self, store: Store) -> None:
        store.sessions()
        found = []

        def look(connection) -> None:
            found.append(connection.execute("PRAGMA synchronous").fetchone())
            found.append(connection.execute("PRAGMA journal_mode").fetchone())

        store._writes.ask(look)
        assert found == [(2,), ("wal",)]

    def test_concurrent_changes_share_a_transaction_and_one_that_fails_undoes_no_other(
        self, store: Store, tmp_path: Path
    ) -> None:
        good, gone = store.add(make_session(tmp_path), "added"), make_session(tmp_path)
        statements: list[str] = []
        store._open().set_trace_callback(statements.append)
        with ThreadPoolExecutor(3) as pool, store._guard:  # nobody can begin before all have asked
            futures = [pool.submit(store.update, session, "changed") for session in (good, gone, good)]
            wait_for(lambda: len(store._writes._waiting) == 2, "all have asked")
        assert [type(future.exception()) for future in futures] == [type(None), SessionNotFoundError, type(None)]
        assert [entry.event for entry in store.history(good.id)] == ["added", "changed", "changed"]
        assert store.history(gone.id) == []
        assert statements.count("COMMIT") == 2

    def test_a_store_that_was_closed_opens_again(self, store: Store, tmp_path: Path) -> None:
        session = store.add(make_session(tmp_path), "added")
        store.close()
        store.close()
        assert store.sessions() == [session]

    def test_no_descriptor_stays_open(self, tmp_path: Path) -> None:
        before = len(list(DESCRIPTORS.iterdir()))
        for _ in range(5):
            with Store(tmp_path / "home") as store:
                session = store.add(make_session(tmp_path), "added")
                with store.lock(session.id, "test"):
                    pass
        assert len(list(DESCRIPTORS.iterdir())) == before


WRITER = """\
import pathlib, sys
sys.path[:0] = sys.argv[2:]
from support.stage import make_session
from rouser.schema import NOT_OVER
from rouser.store import Store
root = pathlib.Path(sys.argv[1])
sys.stdin.readline()
with Store(root / "home") as store:
    for number in range(10):
        session = store.add(make_session(root), "added")
        store.note(session, "seen")
"""


def test_many_processes_make_one_database_and_all_their_rows_are_there(store: Store, tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), SOURCES, TESTS], stdin=subprocess.PIPE)
        for _ in range(5)
    ]
    try:
        for writer in writers:
            writer.stdin.write(b"\n")
            writer.stdin.close()
        assert [writer.wait(60) for writer in writers] == [0] * 5
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
    sessions = store.sessions()
    assert len(sessions) == 50
    assert all([entry.event for entry in store.history(session.id)] == ["added", "seen"] for session in sessions)
    assert store.check_integrity() == []
    store.close()
    assert sorted(path.name for path in store.path.parent.iterdir()) == ["rouser.db"]
