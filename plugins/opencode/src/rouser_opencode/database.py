"""The client's database: which conversations are in it, and what was said in them.

It is one SQLite file in WAL mode, which is only ever read here: the client goes on writing to it meanwhile. What is
said of tables was read from those of opencode 1.18.33:

- ``session`` has a row for each conversation; one with a ``parent_id`` is a sub-agent's.
- ``message`` has a row for each thing said by either side, ``part`` one for each piece of it. Their ``data`` is JSON.
- A text that the client adds by itself to what a person said is marked ``synthetic``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rouser import HookError, time_left

# Seconds to wait for a client that is changing the file in a way that keeps readers out.
_PATIENCE: Final = 2.0

_SESSIONS: Final = "SELECT id, directory, time_created, time_updated FROM session WHERE "
_SAID: Final = (
    "SELECT message.time_created, part.data FROM message JOIN part ON part.message_id = message.id "
    "WHERE message.session_id = ? AND json_extract(message.data, '$.role') = 'user' "
    "ORDER BY message.time_created, message.id, part.id"
)
_LAST: Final = "SELECT data, time_created FROM message WHERE session_id = ? ORDER BY time_created DESC, id DESC LIMIT 1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A conversation that the client keeps.

    :ivar id: the conversation's id.
    :ivar directory: the directory that it belongs to.
    :ivar began: when it was made, in UTC.
    :ivar written: when something of it was changed last, in UTC.
    """

    id: str
    directory: Path
    began: datetime
    written: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """Something that a person said, as one piece of text."""

    text: str
    at: datetime


def find(database: Path, conversation_id: str) -> Kept | None:
    """Return a conversation; None when there is none of that id.

    :raises HookError: the database cannot be read, so that it is unknown.
    """
    return next(map(_kept, _rows(database, f"{_SESSIONS} id = ?", conversation_id)), None)


def every(database: Path) -> list[Kept]:
    """Return the conversations of persons, the last one written to first.

    :raises HookError: the database cannot be read.
    """
    return [_kept(row) for row in _rows(database, f"{_SESSIONS} parent_id IS NULL ORDER BY time_updated DESC, id")]


def said(database: Path, conversation_id: str) -> list[Said]:
    """Return what was said in a conversation, in its order.

    :raises HookError: the database cannot be read.
    """
    found = []
    for created, data in _rows(database, _SAID, conversation_id):
        part = json.loads(data)
        if part.get("type") == "text" and not part.get("synthetic"):
            found.append(Said(text=str(part.get("text", "")), at=_moment(created)))
    return found


def last(database: Path, conversation_id: str) -> tuple[dict[str, Any], datetime] | None:
    """Return the last message of a conversation, of either side, and when it began; None when there is none.

    :raises HookError: the database cannot be read.
    """
    for data, created in _rows(database, _LAST, conversation_id):
        return json.loads(data), _moment(created)
    return None


def _rows(database: Path, query: str, *values: str) -> list[tuple[Any, ...]]:
    """Return what a query finds; nothing where there is no database yet."""
    if not database.exists():
        return []
    import sqlite3  # a session whose client never ran needs none

    changes = database.with_name(f"{database.name}-wal")
    try:
        # Whoever reads what nobody has open leaves files beside it. They are not needed while nobody writes.
        if not changes.exists():
            with suppress(sqlite3.Error):
                found = _read(database, "immutable=1", query, values)
                if not changes.exists():
                    return found
        return _read(database, "mode=ro", query, values)
    except sqlite3.Error as error:
        raise HookError(f"cannot read {database}: {error}; make it readable, or set database") from error


def _read(database: Path, how: str, query: str, values: Sequence[str]) -> list[tuple[Any, ...]]:
    import sqlite3

    patience = min(_PATIENCE, time_left())
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?{how}", uri=True, timeout=patience)) as connection:
        # The client makes its tables in one transaction, a moment after the file.
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            return []
        return connection.execute(query, values).fetchall()


def _kept(row: tuple[Any, ...]) -> Kept:
    conversation_id, directory, created, updated = row
    return Kept(id=conversation_id, directory=Path(directory), began=_moment(created), written=_moment(updated))


def _moment(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
