"""The database file: brought up to date, refused when it is not sound, and never overwritten."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.stage import make_session

from rouser import StoreError
from rouser import database as subject
from rouser.schema import APPLICATION_ID, MIGRATIONS, VERSION
from rouser.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Provide a sound database with sessions in it, that nobody has open."""
    with Store(tmp_path / "home") as store:
        for _ in range(8):
            store.add(make_session(tmp_path, task="x" * 2000), "added")
    return store.path


def everything(path: Path) -> None:
    """Read and write all that there is."""
    with Store(path.parent) as store:
        for session in store.sessions():
            store.history(session.id)
        if store.check_integrity():
            raise StoreError(f"{path} is not sound")
        store.add(make_session(path.parent), "added")


def test_a_sound_database_is_no_error(path: Path) -> None:
    everything(path)


def empty(data: bytes) -> bytes:
    return b""


def text(data: bytes) -> bytes:
    return b"these are the user's notes\n" * 100


def zeros(data: bytes) -> bytes:
    return bytes(len(data))


def header_flipped(data: bytes) -> bytes:
    return bytes([data[0] ^ 0xFF]) + data[1:]


def first_page_flipped(data: bytes) -> bytes:
    return data[:100] + bytes(byte ^ 0xFF for byte in data[100:4096]) + data[4096:]


def rest_flipped(data: bytes) -> bytes:
    return data[:4096] + bytes(byte ^ 0xFF for byte in data[4096:])


def cut(length: int) -> Callable[[bytes], bytes]:
    def damage(data: bytes) -> bytes:
        return data[:length]

    damage.__name__ = f"cut_to_{length}"
    return damage


DAMAGES = [empty, text, zeros, header_flipped, first_page_flipped, rest_flipped, *map(cut, (1, 50, 100, 4096, 12288))]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_file_is_named_and_left_as_it_is(path: Path, damage: Callable[[bytes], bytes]) -> None:
    data = damage(path.read_bytes())
    path.write_bytes(data)
    with pytest.raises(StoreError) as caught:
        everything(path)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == data


@pytest.mark.parametrize("word", [b"CREATE TABLE sessions", b"x" * 40])
def test_text_that_is_none_is_damage(path: Path, word: bytes) -> None:
    """SQLite quotes a damaged schema in its message, which is no text either."""
    data = path.read_bytes().replace(word, b"\xc5" * len(word))
    path.write_bytes(data)
    with pytest.raises(StoreError, match="is damaged"):
        everything(path)
    assert path.read_bytes() == data


SAMPLES = sorted((Path(__file__).parents[1] / "torture" / "samples").glob("*.db"))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_a_database_that_an_older_version_has_written_is_read(tmp_path: Path, sample: Path) -> None:
    (tmp_path / "rouser.db").write_bytes(sample.read_bytes())
    with Store(tmp_path) as store:
        (session,) = store.sessions()
        assert session.task == f"kept since version {sample.stem}"
        store.update(session, "touched")


def test_an_empty_file_is_a_damaged_database_not_a_new_one(path: Path) -> None:
    path.write_bytes(b"")
    with pytest.raises(StoreError, match="it is empty"):
        everything(path)
    assert path.read_bytes() == b""


def test_a_link_to_nothing_is_not_followed_to_make_a_database(tmp_path: Path) -> None:
    file = tmp_path / "home" / "rouser.db"
    file.parent.mkdir()
    file.symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(StoreError, match=r"cannot be used: .* try again"):
        everything(file)
    assert not (tmp_path / "elsewhere.db").exists()
    assert [path.name for path in file.parent.iterdir()] == ["rouser.db"]


def test_a_draft_whose_maker_was_killed_after_linking_it_is_removed(path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    os.link(path, path.with_name(f"rouser.db.new-{gone.pid}-ab"))
    with Store(path.parent) as store:
        store.sessions()
    assert not list(path.parent.glob("*.new-*"))


def test_a_database_of_another_program_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "home" / "rouser.db"
    file.parent.mkdir()
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE sessions (id)")
    connection.close()
    data = file.read_bytes()
    with pytest.raises(StoreError, match="is not a session database of rouser"):
        everything(file)
    assert file.read_bytes() == data


def test_a_database_of_a_newer_rouser_is_left_as_it_is(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    data = path.read_bytes()
    with pytest.raises(StoreError, match=rf"written by a newer rouser \(version {VERSION + 1}, .* Upgrade: pip"):
        everything(path)
    assert path.read_bytes() == data


@pytest.mark.parametrize(
    ("column", "value"),
    [("status", "'asleep'"), ("created_at", "'yesterday'"), ("prompt", "'{}'"), ("metadata", "'[]'"), ("pending", "1")],
)
def test_a_record_that_makes_no_sense_is_named(path: Path, column: str, value: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"UPDATE sessions SET {column} = {value}")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match=rf"{path} is damaged \(session .*: column {column} holds"):
        everything(path)


def changed(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.parametrize("column", ["runtime_handle", "workspace_path", "task", "agent_config"])
def test_a_record_that_something_else_has_changed_is_named(path: Path, column: str) -> None:
    changed(path, f"UPDATE sessions SET {column} = '{{\"a\": 1}}'")
    with pytest.raises(
        StoreError, match=r"is damaged \(session .*: (its checksum does not match|column workspace_path)"
    ):
        everything(path)


def test_a_record_from_before_there_were_checksums_is_read_and_gets_one_when_it_is_written(path: Path) -> None:
    changed(path, "UPDATE sessions SET checksum = NULL")
    with Store(path.parent) as store:
        first = store.sessions()[0]
        store.update(first, "looked_at")
    connection = sqlite3.connect(path)
    found = dict(connection.execute("SELECT id, checksum FROM sessions"))
    connection.close()
    assert [key for key, value in found.items() if value is not None] == [first.id]


def swap_in_index(path: Path, name: str, one: bytes, other: bytes) -> None:
    """Have an index lead to one session where it should lead to another."""
    connection = sqlite3.connect(path)
    root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).fetchone()[0]
    size = connection.execute("PRAGMA page_size").fetchone()[0]
    connection.close()
    data, start = path.read_bytes(), (root - 1) * size
    index = data[start : start + size]
    swapped = index.replace(one, b"?" * len(one)).replace(other, one).replace(b"?" * len(one), other)
    assert swapped != index
    path.write_bytes(data[:start] + swapped + data[start + size :])


def test_an_index_that_leads_to_another_session_is_noticed(path: Path) -> None:
    """Otherwise `rouser kill ID` would end another session than it names, without SQLite noticing anything."""
    with Store(path.parent) as store:
        one, other = store.sessions()[:2]
    swap_in_index(path, "sqlite_autoindex_sessions_1", one.id.encode(), other.id.encode())
    with Store(path.parent) as store, pytest.raises(StoreError, match="its checksum does not match"):
        store.get(one.id)


def test_an_index_of_names_that_leads_to_another_session_is_noticed(path: Path) -> None:
    with Store(path.parent) as store:
        for name in ("one-name", "two-name"):
            store.add(make_session(path.parent, name=name), "added")
    swap_in_index(path, "sessions_by_name", b"one-name\x09", b"one-name\x0a")  # the numbers of the rows
    with Store(path.parent) as store, pytest.raises(StoreError, match="an index leads to another session"):
        store.find("one-name")


def test_a_message_about_damage_is_one_line(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data.replace(b"project_id TEXT", b"project_id `EXT"))
    with pytest.raises(StoreError, match="is damaged") as caught:
        everything(path)
    assert "\n" not in str(caught.value)


def test_a_history_that_makes_no_sense_is_named(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO history (session_id, at, event, detail) VALUES ('x', 'now', 'y', '{}')")
    connection.commit()
    connection.close()
    with Store(path.parent) as store, pytest.raises(StoreError, match="damaged"):
        store.history("x")


ADDED = (*MIGRATIONS, ("ALTER TABLE sessions ADD COLUMN colour TEXT", "CREATE INDEX by_colour ON sessions (colour)"))


def test_an_older_database_is_brought_up_to_date_with_its_sessions(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MIGRATIONS", ADDED)
    monkeypatch.setattr(subject, "VERSION", len(ADDED))
    with Store(path.parent) as store:
        assert len(store.sessions()) == 8
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(ADDED),)
    assert connection.execute("SELECT count(*) FROM sessions WHERE colour IS NULL").fetchone() == (8,)
    connection.close()


def test_a_migration_that_fails_leaves_the_older_database_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        subject, "MIGRATIONS", (*MIGRATIONS, ("ALTER TABLE sessions ADD COLUMN colour TEXT", "NONSENSE"))
    )
    monkeypatch.setattr(subject, "VERSION", len(MIGRATIONS) + 1)
    with Store(path.parent) as store, pytest.raises(StoreError, match=str(path)):
        store.sessions()
    monkeypatch.undo()
    everything(path)


def test_a_new_database_goes_through_all_migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MIGRATIONS", ADDED)
    monkeypatch.setattr(subject, "VERSION", len(ADDED))
    with Store(tmp_path / "home") as store:
        store.add(make_session(tmp_path), "added")
    connection = sqlite3.connect(store.path)
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    connection.execute("SELECT colour FROM sessions")
    connection.close()


def test_a_migration_that_another_process_has_just_done_is_not_done_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "MIGRATIONS", ADDED)
    monkeypatch.setattr(subject, "VERSION", len(ADDED))
    connection = subject._open(path)
    subject._migrate(connection)
    subject._migrate(connection)
    connection.close()


def test_a_database_that_stays_locked_is_reported(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "_BUSY_SECONDS", 0.1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="stayed locked by another process"):
        everything(path)
    other.close()


def test_what_a_killed_process_left_while_making_the_database_is_removed(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    home = tmp_path / "home"
    home.mkdir()
    for name in (f"rouser.db.new-{gone.pid}-ab", f"rouser.db.new-{gone.pid}-ab-wal"):
        (home / name).write_bytes(b"half")
    (home / f"rouser.db.new-{os.getppid()}-cd").write_bytes(b"at work")
    with Store(home) as store:
        store.add(make_session(tmp_path), "added")
    assert sorted(path.name for path in home.iterdir()) == ["rouser.db", f"rouser.db.new-{os.getppid()}-cd"]


def test_a_database_is_whole_in_its_file_before_it_is_put_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is still in a WAL when a database is closed may fail to get into the file, and nobody is told."""

    class Unclosable(sqlite3.Connection):
        def close(self) -> None:
            """Leave everything where it is, as a checkpoint does that fails."""

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **options: connect(*args, factory=Unclosable, **options))
    subject._make(tmp_path / "home" / "rouser.db")
    monkeypatch.undo()
    everything(tmp_path / "home" / "rouser.db")


def test_failing_to_make_the_database_leaves_nothing_half_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MIGRATIONS", (("NONSENSE",),))
    with Store(tmp_path / "home") as store, pytest.raises(StoreError):
        store.add(make_session(tmp_path), "added")
    assert list((tmp_path / "home").iterdir()) == []


def test_a_full_disk_is_named_without_saying_what_is_not_known_to_whoever_writes(path: Path) -> None:
    connection = sqlite3.connect(path)
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError) as caught, subject.translated(path):
        connection.execute("CREATE TABLE more AS SELECT zeroblob(1000000)")
    connection.close()
    assert str(caught.value) == f"the disk that holds {path} is full. Free some space and try again."
