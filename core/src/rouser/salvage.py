"""Saves what is readable of a damaged session database into a new file; the old one is never written to."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from rouser.carving import rows_in
from rouser.database import connect
from rouser.errors import StoreError
from rouser.records import COLUMNS, from_row

_ROWS_IN_VAIN: Final = 1000
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UNREADABLE: Final = (sqlite3.Error, UnicodeDecodeError)  # a name of a column that is no text is no error of SQLite's
_REQUIRED: Final = (
    "agent",
    "agent_config",
    "branch",
    "created_at",
    "metadata",
    "project_id",
    "repository",
    "runtime",
    "status",
    "task",
    "updated_at",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Salvaged:
    """What was saved, and what is known to be lost.

    :ivar sessions: how many session records were saved.
    :ivar history: how many lines of history were saved.
    :ivar lost: ids of sessions that the history knows, that were not removed, and whose records are lost.
    """

    sessions: int
    history: int
    lost: tuple[str, ...]


def salvage(source: Path, target: Path) -> Salvaged:
    """Read all that is readable of a database, row by row and then page by page, and write it to ``target``.

    :param target: a path at which there is nothing.
    :raises StoreError: there is something at ``target``, nothing to read at ``source``, or the disk says no.
    """
    if os.path.lexists(target):
        raise StoreError(f"{target} is there already, and is not overwritten; name a file that is not")
    try:
        with tempfile.TemporaryDirectory(prefix="rouser-salvage-") as scratch:
            copy = Path(scratch, "damaged.db")
            shutil.copyfile(source, copy)
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{source}-wal", f"{copy}-wal")
            carved = list(rows_in(source.read_bytes()))
            fresh = Path(scratch, "new", "rouser.db")
            with closing(connect(fresh)) as connection:
                result = _fill(connection, copy, carved)
            _put(fresh, target)
    except OSError as error:
        raise StoreError(f"cannot salvage {source}: {error.filename or target}: {error.strerror}") from error
    return result


def _fill(connection: sqlite3.Connection, copy: Path, carved: list[tuple[int, list[Any]]]) -> Salvaged:
    sessions, history = _collected(connection, copy, carved)
    connection.execute("BEGIN")
    names: set[str] = set()
    for row in sessions.values():
        if row["name"] in names:  # a name is one session's; a stale copy of a record may have it too
            row["name"] = row["checksum"] = None
        names |= {row["name"]} - {None}
        _insert(connection, "sessions", row)
    for row in history.values():
        _insert(connection, "history", row)
    connection.execute("COMMIT")
    known = {row["session_id"] for row in history.values()}
    removed = {row["session_id"] for row in history.values() if row["new_status"] is None}
    return Salvaged(sessions=len(sessions), history=len(history), lost=tuple(sorted(known - removed - set(sessions))))


def _collected(
    connection: sqlite3.Connection, copy: Path, carved: list[tuple[int, list[Any]]]
) -> tuple[dict[str, dict[str, Any]], dict[int, dict[str, Any]]]:
    """Return the sound records by id, and the sound lines of history by theirs; what SQLite reads goes first."""
    columns = {table: _columns(connection, table) for table in ("sessions", "history")}
    sessions: dict[str, dict[str, Any]] = {}
    history: dict[int, dict[str, Any]] = {}
    for row in _read(copy, "sessions"):
        if _is_session(row):
            sessions[row["id"]] = row
    for row in _read(copy, "history"):
        if _is_history(row):
            history[row["id"]] = row
    removed = {row["session_id"] for row in history.values() if row["new_status"] is None}
    pages: dict[str, dict[str, Any]] = {}
    for rowid, values in carved:
        row = dict(zip(columns["history"], [rowid, *values[1:]], strict=False))
        if len(values) == len(columns["history"]) and _is_history(row):
            history.setdefault(rowid, row)
            continue
        row = dict.fromkeys(columns["sessions"]) | dict(zip(columns["sessions"], values, strict=False))
        if _is_session(row) and (row["id"] not in pages or row["updated_at"] > pages[row["id"]]["updated_at"]):
            pages[row["id"]] = row
    for name, row in pages.items():
        if name not in removed:
            sessions.setdefault(name, row)
    return sessions, history


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


def _read(path: Path, table: str) -> Iterator[dict[str, Any]]:
    """Yield the rows that SQLite can read: in order until it fails, then each by its number."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.row_factory = sqlite3.Row
            last, failed = 0, False
            try:
                for row in connection.execute(f"SELECT rowid AS rowid_, * FROM {table} ORDER BY rowid"):  # noqa: S608
                    last = row["rowid_"]
                    yield dict(row)
            except _UNREADABLE:
                failed = True
            if failed:
                yield from _by_number(connection, table, last + 1)
    except _UNREADABLE:
        return


def _by_number(connection: sqlite3.Connection, table: str, number: int) -> Iterator[dict[str, Any]]:
    in_vain = 0
    while in_vain < _ROWS_IN_VAIN:
        try:
            row = connection.execute(f"SELECT rowid AS rowid_, * FROM {table} WHERE rowid = ?", (number,)).fetchone()  # noqa: S608
        except _UNREADABLE:
            row = None
        in_vain = in_vain + 1 if row is None else 0
        if row is not None:
            yield dict(row)
        number += 1


def _is_session(row: dict[str, Any]) -> bool:
    try:
        session = from_row(tuple(row.get(name) for name in COLUMNS))
    except (ValueError, TypeError):
        return False
    return _UUID.fullmatch(str(session.id)) is not None and all(row.get(name) is not None for name in _REQUIRED)


def _is_history(row: dict[str, Any]) -> bool:
    number, session, at, detail = (row.get(name) for name in ("id", "session_id", "at", "detail"))
    statuses = (row.get("old_status"), row.get("new_status"))
    texts = (session, at, row.get("event"), detail)
    if not isinstance(number, int) or not all(isinstance(text, str) for text in texts):
        return False
    if not all(isinstance(status, str | None) for status in statuses) or not _UUID.fullmatch(str(session)):
        return False
    try:
        return isinstance(json.loads(str(detail)), dict) and datetime.fromisoformat(str(at)).tzinfo is not None
    except ValueError:
        return False


def _insert(connection: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    values = {name: row[name] for name in _columns(connection, table) if row.get(name) is not None}
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values()))  # noqa: S608


def _put(fresh: Path, target: Path) -> None:
    """Copy the whole new file to ``target``, for its owner alone, unless something has come there meanwhile."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(fresh.read_bytes())
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
