"""The session records and their history: what is known survives whatever happens to the process.

Every change is one transaction that writes the record and appends to the history. Whoever changes a session
holds its lock, see :meth:`Store.lock`.
"""

import json
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from rouser.database import connect, damaged, translated
from rouser.errors import AmbiguousSessionError, SessionNotFoundError, StoreError
from rouser.locks import session_lock
from rouser.models import Session, SessionStatus
from rouser.records import COLUMNS, from_row, to_row
from rouser.schema import NOT_OVER, OF_WORKSPACES
from rouser.together import Together

_SELECT: Final = f"SELECT {', '.join(COLUMNS)} FROM sessions"  # noqa: S608 - our own column names
_INSERT: Final = f"INSERT INTO sessions ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608
_UPDATE: Final = f"UPDATE sessions SET {', '.join(f'{name} = ?' for name in COLUMNS)} WHERE id = ?"  # noqa: S608
_LISTED_MATCHES: Final = 8

_Write = Callable[[sqlite3.Connection], None]


class HistoryEntry(NamedTuple):
    """One line of a session's history.

    :ivar at: when it was written, in UTC.
    :ivar event: what happened, like ``spawned``, ``restored``, ``restore_failed``.
    :ivar old_status: the status before. None: the session is new.
    :ivar new_status: the status after. None: the session was removed.
    :ivar detail: whatever belongs to the event; JSON values.
    """

    at: datetime
    event: str
    old_status: str | None
    new_status: str | None
    detail: Mapping[str, Any]


def now() -> datetime:
    """Return the time that records are stamped with, in UTC."""
    return datetime.now(UTC)


class Store:
    """The sessions of one user, in one directory.

    Usable from several threads; opened on first use, so that making a ``Store`` costs nothing.

    :param home: the state directory; made when something is written.
    """

    def __init__(self, home: Path) -> None:
        self._home: Final = home
        self._guard: Final = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._writes: Final[Together[_Write, None]] = Together(self._commit)

    @property
    def path(self) -> Path:
        """The database file, which may not exist yet."""
        return self._home / "rouser.db"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; the next use opens it again."""
        with self._guard:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def lock(self, session_id: str, purpose: str) -> AbstractContextManager[None]:
        """Return the session's lock, to be held in a ``with`` block while the session is being changed.

        :param session_id: the full id.
        :param purpose: what it is held for, told to whoever finds it held.
        :raises SessionBusyError: on entry, at once, when somebody else holds it.
        """
        return session_lock(self._home / "locks", session_id, purpose)

    def add(self, session: Session, event: str, detail: Mapping[str, Any] | None = None) -> Session:
        """Insert a new session and the first line of its history.

        :raises StoreError: the id or name is taken, or the database cannot be written.
        """

        def write(connection: sqlite3.Connection) -> None:
            try:
                connection.execute(_INSERT, to_row(session))
            except sqlite3.IntegrityError as error:
                raise StoreError(f"cannot add session {session.short_id}: its id or name is taken") from error
            _append(connection, session.id, event, (None, session.status), detail)

        self._writes.ask(write)
        return session

    def update(self, session: Session, event: str, detail: Mapping[str, Any] | None = None) -> Session:
        """Replace the record of ``session.id`` and append to its history, in one transaction.

        :returns: the record as written: ``session`` with a new ``updated_at``.
        :raises SessionNotFoundError: the session was removed in the meantime.
        """
        return self.revert(session._replace(updated_at=now()), event, detail)

    def revert(self, session: Session, event: str, detail: Mapping[str, Any] | None = None) -> Session:
        """Like :meth:`update`, but write the record exactly as given, its ``updated_at`` included."""

        def write(connection: sqlite3.Connection) -> None:
            row = connection.execute("SELECT status FROM sessions WHERE id = ?", (session.id,)).fetchone()
            if row is None:
                raise SessionNotFoundError(f"session {session.short_id} was removed in the meantime")
            connection.execute(_UPDATE, [*to_row(session), session.id])
            _append(connection, session.id, event, (row[0], session.status), detail)

        self._writes.ask(write)
        return session

    def note(self, session: Session, event: str, detail: Mapping[str, Any] | None = None) -> None:
        """Append to a session's history without changing its record."""
        statuses = (session.status, session.status)
        self._writes.ask(lambda connection: _append(connection, session.id, event, statuses, detail))

    def remove(self, session: Session, event: str, detail: Mapping[str, Any] | None = None) -> None:
        """Delete a session's record. Its history stays, closed by a line that holds the whole record."""
        last = dict(zip(COLUMNS, map(_printable, to_row(session)), strict=True))

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM sessions WHERE id = ?", (session.id,))
            _append(connection, session.id, event, (session.status, None), {**(detail or {}), "record": last})

        self._writes.ask(write)

    def get(self, session_id: str) -> Session:
        """Return the session with this full id.

        :raises SessionNotFoundError: there is none.
        """
        found = self._select("WHERE id = ?", (session_id,))
        if not found:
            raise SessionNotFoundError(f"no session has the id {session_id}")
        return found[0]

    def find(self, text: str) -> Session:
        """Return the session that ``text`` means: a full id, a name, or an unambiguous prefix of an id.

        :raises SessionNotFoundError: it is empty, or means none.
        :raises AmbiguousSessionError: it is a prefix of several ids; they are listed.
        """
        if not text:
            raise SessionNotFoundError("an empty id names no session. See: rouser ls")
        if any("\ud800" <= char <= "\udfff" for char in text):
            raise SessionNotFoundError("no session has an id or name that is not valid UTF-8. See: rouser ls")
        exact = self._select("WHERE id = ?1 OR name = ?1", (text,))
        if any(text not in {session.id, session.name} for session in exact):  # SQLite does not look again
            raise StoreError(damaged(self.path, "an index leads to another session"))
        if len(exact) == 1:
            return exact[0]
        prefix = text.lower()
        found = self._select(
            "WHERE id >= ? AND id < ? ORDER BY created_at, id LIMIT ?",
            (prefix, prefix + "\U0010ffff", _LISTED_MATCHES + 1),
        )
        if not found:
            raise SessionNotFoundError(f'no session matches "{text}". See: rouser ls')
        if len(found) > 1:
            raise AmbiguousSessionError(_ambiguous(text, found), found)
        return found[0]

    def sessions(self) -> list[Session]:
        """Return all sessions, oldest first."""
        return self._select("ORDER BY created_at, id", ())

    def current(self, over_since: datetime) -> list[Session]:
        """Return the sessions that are not over, and those that were over no earlier than ``over_since``; oldest first.

        Takes as long as there are such sessions, however many others there are.
        """
        return self._select(
            f"WHERE id IN (SELECT id FROM sessions WHERE {NOT_OVER} UNION ALL "  # noqa: S608 - our own condition
            "SELECT id FROM sessions WHERE updated_at >= ?) ORDER BY created_at, id",
            (over_since.astimezone(UTC).isoformat(timespec="microseconds"),),
        )

    def count(self) -> int:
        """Return how many sessions are on record."""
        if not self._exists():
            return 0
        with self._guard, translated(self.path):
            return int(self._open().execute("SELECT count(*) FROM sessions").fetchone()[0])

    def named(self, name: str) -> Session | None:
        """Return the session that was given this name."""
        return next(iter(self._select("WHERE name = ?", (name,))), None)

    def on_branch(self, branch: str) -> list[Session]:
        """Return the sessions on branches of this name, in whichever repository."""
        return self._select("WHERE branch = ? ORDER BY created_at, id", (branch,))

    def history(self, session_id: str) -> list[HistoryEntry]:
        """Return a session's history, oldest first; also that of a session that was removed."""
        if not self._exists():
            return []
        with self._guard, translated(self.path):
            rows = (
                self._open()
                .execute(
                    "SELECT at, event, old_status, new_status, detail FROM history WHERE session_id = ? ORDER BY id",
                    (session_id,),
                )
                .fetchall()
            )
        try:
            return [_entry(*row) for row in rows]
        except (ValueError, TypeError) as error:
            raise StoreError(damaged(self.path, f"history of session {session_id}: {error}")) from error

    def last_of_workspace(self, session_id: str) -> str | None:
        """Return whether ``LOST`` or ``RECREATED`` is the last of the two in a session's history; None: neither."""
        if not self._exists():
            return None
        query = f"SELECT event FROM history WHERE session_id = ? AND {OF_WORKSPACES} ORDER BY id DESC LIMIT 1"  # noqa: S608
        with self._guard, translated(self.path):
            row = self._open().execute(query, (session_id,)).fetchone()
        return None if row is None else row[0]

    def find_removed(self, text: str) -> Session:
        """Return what a session was whose record was removed, by its full id or an unambiguous prefix.

        :raises SessionNotFoundError: there was none.
        :raises AmbiguousSessionError: there were several.
        """
        if not text or not text.isascii() or not self._exists():
            raise SessionNotFoundError(f'no session matches "{text}". See: rouser ls')
        prefix = text.lower()
        with self._guard, translated(self.path):
            rows = (
                self._open()
                .execute(
                    "SELECT session_id, detail FROM history WHERE new_status IS NULL "
                    "AND session_id >= ? AND session_id < ? ORDER BY id LIMIT ?",
                    (prefix, prefix + "\U0010ffff", _LISTED_MATCHES + 1),
                )
                .fetchall()
            )
        found = [self._read_removed(*row) for row in rows]
        if not found:
            raise SessionNotFoundError(f'no session matches "{text}". See: rouser ls')
        if len(found) > 1:
            raise AmbiguousSessionError(_ambiguous(text, found), found)
        return found[0]

    def _read_removed(self, session_id: str, detail: str) -> Session:
        try:
            record = json.loads(detail)["record"]
            # Printing it may have changed what the checksum is of, and an older rouser knew fewer columns.
            return from_row(tuple(None if name == "checksum" else record.get(name) for name in COLUMNS))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(damaged(self.path, f"history of session {session_id}: {error}")) from error

    def check_integrity(self) -> list[str]:
        """Return what SQLite finds wrong with the file, a line each; empty when it is sound."""
        if not self._exists():
            return []
        with self._guard, translated(self.path):
            rows = self._open().execute("PRAGMA integrity_check(20)").fetchall()
        return [line for (line,) in rows if line != "ok"]

    def _exists(self) -> bool:
        """Return whether there is a database, or something in its way that opening it will report."""
        if self._connection is not None:
            return True
        try:
            self.path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True
        return True

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = connect(self.path)
        return self._connection

    def _select(self, clause: str, values: tuple[Any, ...]) -> list[Session]:
        if not self._exists():
            return []
        with self._guard, translated(self.path):
            rows = self._open().execute(f"{_SELECT} {clause}", values).fetchall()
        return [self._read(row) for row in rows]

    def _read(self, row: tuple[Any, ...]) -> Session:
        try:
            return from_row(row)
        except ValueError as error:
            raise StoreError(damaged(self.path, f"session {row[0]}: {error}")) from error

    def _commit(self, writes: Sequence[_Write]) -> list[BaseException | None]:
        """Make the changes of several threads durable in one transaction; one that fails does not undo the others."""
        with self._guard, translated(self.path):
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                outcomes = [_attempt(connection, write) for write in writes]
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        return outcomes


def _attempt(connection: sqlite3.Connection, write: _Write) -> BaseException | None:
    """Make one change of a transaction, or leave no trace of it."""
    connection.execute("SAVEPOINT one")
    try:
        write(connection)
    except sqlite3.Error:
        raise
    except Exception as error:
        connection.execute("ROLLBACK TO one")
        return error
    finally:
        if connection.in_transaction:  # a full disk ends it
            connection.execute("RELEASE one")
    return None


def _entry(at: str, event: str, old: str | None, new: str | None, detail: str) -> HistoryEntry:
    return HistoryEntry(
        at=datetime.fromisoformat(at), event=event, old_status=old, new_status=new, detail=json.loads(detail)
    )


def _append(
    connection: sqlite3.Connection,
    session_id: str,
    event: str,
    statuses: tuple[str | None, SessionStatus | None],
    detail: Mapping[str, Any] | None,
) -> None:
    old, new = statuses
    connection.execute(
        "INSERT INTO history (session_id, at, event, old_status, new_status, detail) VALUES (?, ?, ?, ?, ?, ?)",
        (session_id, now().isoformat(timespec="microseconds"), event, old, new, json.dumps(detail or {})),
    )


def _printable(value: Any) -> Any:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def _ambiguous(text: str, found: list[Session]) -> str:
    shown = " · ".join(f"{session.short_id} {session.task:.40}".strip() for session in found[:_LISTED_MATCHES])
    more = " and more" if len(found) > _LISTED_MATCHES else ""
    count = f"more than {_LISTED_MATCHES}" if more else str(len(found))
    return f'"{text}" matches {count} sessions: {shown}{more}. Type more of the id.'
