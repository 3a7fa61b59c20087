"""Thousands of records at once: what hundreds of commands would have written over the months, in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from rouser import Session
from rouser.records import COLUMNS, to_row


def fill(database: Path, sessions: Iterable[Session]) -> None:
    """Add sessions, each with a few lines of history, to a database that exists."""
    with sqlite3.connect(database) as connection:
        for session in sessions:
            places = ", ".join("?" * len(COLUMNS))
            connection.execute(f"INSERT INTO sessions ({', '.join(COLUMNS)}) VALUES ({places})", to_row(session))
            for event in ("added", "workspace_created", "spawn_begun", "spawned", "working"):
                connection.execute(
                    "INSERT INTO history (session_id, at, event, old_status, new_status, detail) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    (session.id, session.created_at.isoformat(), event, None, session.status, "{}"),
                )
    connection.close()
