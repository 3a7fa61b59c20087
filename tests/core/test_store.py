"""The session records: what is written comes back, and is found by what people type."""

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from support.stage import LONG_AGO, intent, make_session, receipt
from support.waiting import wait_for

import rouser
from rouser import (
    ActivityState,
    AmbiguousSessionError,
    Conversation,
    Evidence,
    PromptState,
    Session,
    SessionNotFoundError,
    SessionStatus,
    StoreError,
)
from rouser.schema import NOT_OVER
from rouser.store import Store

OVER = ("killed", "done", "cleanup", "errored", "merged")
DESCRIPTORS = Path("/proc/self/fd")
SOURCES = str(Path(rouser.__file__).parents[1])
TESTS = str(Path(__file__).parents[1])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "home") as made:
        yield made


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


class TestFind:
    """What people type finds the session that they mean, and never another."""

    FIRST = "ab120000-0000-4000-8000-000000000001"
    SECOND = "ab130000-0000-4000-8000-000000000002"

    @pytest.fixture
    def filled(self, store: Store, tmp_path: Path) -> Store:
        store.add(make_session(tmp_path, id=self.FIRST, name="Export"), "added")
        store.add(make_session(tmp_path, id=self.SECOND, name="ab12"), "added")
        return store

    @pytest.mark.parametrize("text", [FIRST, FIRST.upper(), "ab120", "AB120", "Export"])
    def test_id_prefix_and_name(self, filled: Store, text: str) -> None:
        assert filled.find(text).id == self.FIRST

    def test_a_name_comes_before_a_prefix(self, filled: Store) -> None:
        assert filled.find("ab12").id == self.SECOND

    @pytest.mark.parametrize(
        "text",
        [
            "",
            " ",
            "%",
            "_",
            "ab1_",
            "a%",
            '"',
            "'",
            "' OR 1=1 --",
            "*",
            "[a]",
            "export",
            "b1",
            "\0",
            "ab12\0",
            "\udcff",
            "a" * 100_000,
            "\U0010ffff",
            FIRST + "0",
        ],
    )
    def test_nothing_else_means_a_session(self, filled: Store, text: str) -> None:
        with pytest.raises(SessionNotFoundError):
            filled.find(text)

    def test_a_prefix_of_several_lists_them_oldest_first(self, filled: Store, tmp_path: Path) -> None:
        older = make_session(tmp_path, id="ab110000-0000-4000-8000-000000000003", created_at=LONG_AGO - timedelta(1))
        filled.add(older, "added")
        with pytest.raises(AmbiguousSessionError, match="matches 3 sessions: ab110000 fix the test · ab12") as caught:
            filled.find("ab1")
        assert [session.id for session in caught.value.matches] == [older.id, self.FIRST, self.SECOND]

    def test_a_prefix_of_very_many_lists_some(self, store: Store, tmp_path: Path) -> None:
        for number in range(12):
            store.add(make_session(tmp_path, id=f"ab{number:06}-0000-4000-8000-000000000003"), "added")
        with pytest.raises(AmbiguousSessionError, match=r"matches more than 8 sessions: .* and more\."):
            store.find("a")

    def test_the_prefix_is_looked_up_in_an_index(self, filled: Store) -> None:
        connection = sqlite3.connect(filled.path)
        plan = connection.execute("EXPLAIN QUERY PLAN SELECT * FROM sessions WHERE id >= 'a' AND id < 'b'").fetchall()
        connection.close()
        assert "USING INDEX" in plan[0][3]

    def test_without_a_database_nothing_is_found_and_nothing_is_made(self, store: Store) -> None:
        with pytest.raises(SessionNotFoundError):
            store.find("ab")
        assert store.sessions() == []
        assert store.history("ab") == []
        assert store.check_integrity() == []
        assert not store.path.parent.exists()


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


class TestPrivacy:
    """Nobody else may read what is kept, whatever the umask."""

    @pytest.fixture
    def _no_umask(self) -> Iterator[None]:
        before = os.umask(0)
        yield
        os.umask(before)

    @pytest.mark.usefixtures("_no_umask")
    def test_directories_are_made_0700_and_files_0600(self, tmp_path: Path) -> None:
        home = tmp_path / "new" / "er" / "home"
        with Store(home) as store:
            session = make_session(tmp_path)
            with store.lock(session.id, "test"):
                store.add(session, "added")
                made = [tmp_path / "new", *(tmp_path / "new").rglob("*")]
                modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in made}
        directories = {"new", "er", "home", "locks"}
        assert modes == {name: 0o700 if name in directories else 0o600 for name in modes}
        assert {"rouser.db", "rouser.db-wal", "rouser.db-shm", f"{session.id}.lock"} <= set(modes)

    def test_a_directory_that_others_can_read_is_closed_to_them(self, tmp_path: Path) -> None:
        (tmp_path / "home").mkdir(mode=0o755)
        (tmp_path / "home").chmod(0o777)
        with Store(tmp_path / "home") as store:
            store.add(make_session(tmp_path), "added")
        assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700

    def test_the_directory_of_another_user_is_refused(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "home").mkdir()
        owner = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
        with pytest.raises(StoreError, match="belongs to another user; set ROUSER_HOME"):
            store.add(make_session(tmp_path), "added")
        assert list((tmp_path / "home").iterdir()) == []

    def test_a_file_in_place_of_the_directory_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "home").write_text("mine")
        with Store(tmp_path / "home") as store:
            assert store.sessions() == []
            with pytest.raises(StoreError, match=f"cannot use .* {tmp_path / 'home'}"):
                store.add(make_session(tmp_path), "added")
        assert (tmp_path / "home").read_text() == "mine"


class TestCurrent:
    """Which sessions are listed however many are over."""

    @pytest.fixture
    def stored(self, store: Store, tmp_path: Path) -> dict[str, Session]:
        """One session for each status, last written long ago; one that was just merged; one interrupted."""
        made = {status.value: make_session(tmp_path, status=status, branch=status) for status in SessionStatus}
        made["just merged"] = make_session(tmp_path, status=SessionStatus.MERGED, updated_at=datetime.now(UTC))
        made["interrupted"] = make_session(tmp_path, status=SessionStatus.KILLED, pending=intent("x"))
        for session in made.values():
            store.add(session, "added")
        return made

    def test_what_is_over_is_left_out_after_a_while_and_nothing_else_is(
        self, store: Store, stored: dict[str, Session]
    ) -> None:
        found = {session.id for session in store.current(datetime.now(UTC) - timedelta(days=14))}
        missing = {name for name, session in stored.items() if session.id not in found}
        assert missing == {"killed", "done", "merged", "cleanup", "errored"}

    def test_every_status_that_is_terminal_is_over_but_the_one_that_nobody_wished_for(self) -> None:
        over = {status for status in SessionStatus if status.is_terminal} - {SessionStatus.TERMINATED}
        assert f"(status NOT IN ({', '.join(repr(str(s)) for s in OVER)}) OR pending IS NOT NULL)" == NOT_OVER
        assert set(OVER) == over

    def test_they_are_found_by_id_and_listed_with_all(self, store: Store, stored: dict[str, Session]) -> None:
        assert store.find(stored["merged"].id) == stored["merged"]
        assert store.count() == len(store.sessions()) == len(stored)

    @pytest.mark.parametrize(
        ("ask", "index"),
        [
            (lambda store: store.current(LONG_AGO), "sessions_not_over"),
            (lambda store: store.current(LONG_AGO), "sessions_by_update"),
            (lambda store: store.find("0f"), "sqlite_autoindex_sessions_1"),
            (lambda store: store.named("x"), "sessions_by_name"),
            (lambda store: store.on_branch("x"), "sessions_by_branch"),
            (lambda store: store.history("x"), "history_by_session"),
            (lambda store: store.last_of_workspace("x"), "history_of_workspaces"),
        ],
    )
    def test_no_question_reads_the_whole_table(self, store: Store, stored, ask, index: str) -> None:
        seen: list[str] = []
        connection = store._open()
        connection.set_trace_callback(seen.append)
        with suppress(SessionNotFoundError, AmbiguousSessionError):
            ask(store)
        connection.set_trace_callback(None)
        plans = [str(row[3]) for query in seen for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
        assert any(index in step for step in plans)
        assert not [step for step in plans if step.startswith("SCAN") and "INDEX sessions_not_over" not in step]
