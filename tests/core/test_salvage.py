"""What is readable of a damaged database comes into a new one, and the old one stays as it is."""

import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.stage import make_session

from rouser import Session, StoreError
from rouser.database import connect
from rouser.salvage import salvage
from rouser.store import Store

PAGE = 4096


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def sessions(home: Path, tmp_path: Path) -> list[Session]:
    """Return the records of a database that is closed, some of them longer than a page."""
    made = []
    with Store(home) as store:
        for number in range(60):
            text = f"task {number} " + "x" * (9000 if number % 10 == 3 else 50)
            session = make_session(tmp_path, name=f"name-{number}", task=text)
            store.add(session, "added", {"number": number})
            made.append(store.update(session._replace(branch=f"b{number}"), "changed"))
        gone = make_session(tmp_path)
        store.add(gone, "added")
        store.remove(gone, "removed")
    return made


def read(path: Path) -> dict[str, Session]:
    """Return what a new file has, read as rouser reads it."""
    home = path.parent / f"home-{path.name}"
    home.mkdir(mode=0o700)
    (home / "rouser.db").write_bytes(path.read_bytes())
    with Store(home) as store:
        assert store.check_integrity() == []
        return {session.id: session for session in store.sessions()}


def test_a_sound_database_is_saved_whole(home: Path, sessions: list[Session], tmp_path: Path) -> None:
    saved = salvage(home / "rouser.db", tmp_path / "new.db")
    assert (saved.sessions, saved.history, saved.lost) == (60, 122, ())
    assert read(tmp_path / "new.db") == {session.id: session for session in sessions}
    assert (tmp_path / "new.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("page", range(1, 12))
def test_one_lost_page_loses_no_more_than_its_rows(
    home: Path, sessions: list[Session], tmp_path: Path, page: int
) -> None:
    data = bytearray((home / "rouser.db").read_bytes())
    data[(page - 1) * PAGE : page * PAGE] = os.urandom(PAGE)
    (home / "rouser.db").write_bytes(data)
    saved = salvage(home / "rouser.db", tmp_path / "new.db")
    found, wanted = read(tmp_path / "new.db"), {session.id: session for session in sessions}
    assert all(found[name] == wanted[name] for name in found)
    assert len(found) >= 60 - PAGE // 200
    assert set(saved.lost) <= set(wanted) - set(found)


@pytest.mark.parametrize("seed", range(12))
def test_what_is_saved_of_a_damaged_file_is_true(
    home: Path, sessions: list[Session], tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    data = bytearray((home / "rouser.db").read_bytes())
    if seed % 2:
        del data[chance.randrange(PAGE, len(data)) :]
    for _ in range(chance.randrange(1, 40)):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    (home / "rouser.db").write_bytes(data)
    salvage(home / "rouser.db", tmp_path / "new.db")
    wanted = {session.id: session for session in sessions}
    for name, session in read(tmp_path / "new.db").items():
        assert session._replace(name=None) == wanted.get(name, session)._replace(
            name=None, branch=session.branch, updated_at=session.updated_at
        )
    assert (home / "rouser.db").read_bytes() == data


@pytest.mark.parametrize(
    "data", [b"", b"x" * 10_000, b"SQLite format 3\0" + b"\0" * 5000], ids=["empty", "text", "zero"]
)
def test_a_file_without_rows_gives_an_empty_database(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "old.db").write_bytes(data)
    saved = salvage(tmp_path / "old.db", tmp_path / "new.db")
    assert (saved.sessions, saved.history) == (0, 0)
    assert read(tmp_path / "new.db") == {}


def test_what_is_only_in_the_log_is_saved(home: Path, tmp_path: Path) -> None:
    connection = connect(home / "rouser.db")
    with Store(home) as store:
        session = store.add(make_session(tmp_path), "added")
        assert salvage(home / "rouser.db", tmp_path / "new.db").sessions == 1
    connection.close()
    assert list(read(tmp_path / "new.db")) == [session.id]


@pytest.mark.parametrize(
    ("column", "damage"),
    [("at", "2026-11-27T09:03:41+00:p0"), ("at", "2026-11-27"), ("detail", "[]"), ("event", b"x"), ("old_status", b"")],
)
def test_a_line_of_history_that_nobody_could_read_is_not_saved(
    home: Path, sessions: list[Session], tmp_path: Path, column: str, damage: str | bytes
) -> None:
    line = {"session_id": sessions[3].id, "at": "2026-11-27T09:03:41+00:00", "event": "x", "detail": "{}"}
    line[column] = damage
    with closing(sqlite3.connect(home / "rouser.db")) as connection:
        connection.execute(
            f"INSERT INTO history ({', '.join(line)}) VALUES (?{', ?' * (len(line) - 1)})", tuple(line.values())
        )
        connection.commit()
    assert salvage(home / "rouser.db", tmp_path / "new.db").history == 122
    assert len(read(tmp_path / "new.db")) == 60


@pytest.mark.parametrize("first", [b"x", b"\xf3"])
@pytest.mark.parametrize("name", [b"old_status TEXT", b"session_id TEXT NOT", b"runtime TEXT"])
def test_names_of_columns_that_were_damaged_lose_nothing(
    home: Path, sessions: list[Session], tmp_path: Path, name: bytes, first: bytes
) -> None:
    data = (home / "rouser.db").read_bytes()
    assert name in data
    (home / "rouser.db").write_bytes(data.replace(name, first + name[1:], 1))
    assert salvage(home / "rouser.db", tmp_path / "new.db").history == 122
    assert len(read(tmp_path / "new.db")) == 60


def test_an_id_that_was_damaged_is_nobodys_that_is_lost(home: Path, sessions: list[Session], tmp_path: Path) -> None:
    with closing(sqlite3.connect(home / "rouser.db")) as connection:
        line = (f"{sessions[3].id[:-1]}!", "2026-11-27T09:03:41+00:00", "x", "working", "{}")
        connection.execute(
            "INSERT INTO history (session_id, at, event, new_status, detail) VALUES (?, ?, ?, ?, ?)", line
        )
        connection.commit()
    assert salvage(home / "rouser.db", tmp_path / "new.db").lost == ()


def test_nothing_is_overwritten(home: Path, sessions: list[Session], tmp_path: Path) -> None:
    (tmp_path / "there").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for target in (tmp_path / "there", tmp_path / "link", home / "rouser.db"):
        with pytest.raises(StoreError, match="not overwritten"):
            salvage(home / "rouser.db", target)
    assert (tmp_path / "there").read_text() == "precious"
    with pytest.raises(StoreError, match="No such file"):
        salvage(tmp_path / "missing.db", tmp_path / "new.db")


def test_a_lost_record_is_named(home: Path, sessions: list[Session], tmp_path: Path) -> None:
    connection = sqlite3.connect(home / "rouser.db")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("DELETE FROM sessions WHERE id = ?", (sessions[7].id,))
    connection.commit()
    connection.close()
    assert salvage(home / "rouser.db", tmp_path / "new.db").lost == (sessions[7].id,)
