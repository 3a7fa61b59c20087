"""What is asked of the store: which session a text means, which are current, and how that is looked up."""

import sqlite3
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.stage import LONG_AGO, intent, make_session

from rouser import (
    AmbiguousSessionError,
    Session,
    SessionNotFoundError,
    SessionStatus,
)
from rouser.schema import NOT_OVER
from rouser.store import Store

OVER = ("killed", "done", "cleanup", "errored", "merged")


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
