"""What opencode 1.18.33 keeps in its database, shortened to what the plugin reads."""

from __future__ import annotations

import itertools
import json
import sqlite3
import time
from pathlib import Path
from typing import Any, Self

from rouser import Session

_TABLES = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS session (
    id text PRIMARY KEY, parent_id text, directory text NOT NULL,
    time_created integer NOT NULL, time_updated integer NOT NULL
);
CREATE TABLE IF NOT EXISTS message (
    id text PRIMARY KEY, session_id text NOT NULL, time_created integer NOT NULL, data text NOT NULL
);
CREATE TABLE IF NOT EXISTS part (
    id text PRIMARY KEY, message_id text NOT NULL, session_id text NOT NULL, data text NOT NULL
);
"""


def id_of(session: Session) -> str:
    """Return the id that a session's conversation has."""
    return "ses_" + session.id.replace("-", "")


class Database:
    """The client's side of its database."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.executescript(_TABLES)
        self._numbers = itertools.count(time.time_ns())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._connection.close()

    def make(self, conversation_id: str, directory: Path, *, parent: str | None = None, offset: float = 0.0) -> None:
        """Make a conversation, ``offset`` seconds from now."""
        row = (conversation_id, parent, str(directory), _moment(offset), _moment(offset))
        self._connection.execute("INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?, ?)", row)

    def say(self, conversation_id: str, text: str, *, offset: float = 0.0, **more: Any) -> None:
        """Have a person say something."""
        self._add(conversation_id, {"role": "user"}, {"type": "text", "text": text, **more}, offset)

    def answer(self, conversation_id: str, *, offset: float = 0.0, **more: Any) -> None:
        """Have the model answer; the answer is complete unless ``time`` says otherwise."""
        message = {"role": "assistant", "time": {"completed": 1}, "finish": "stop", **more}
        self._add(conversation_id, message, {"type": "text", "text": "Understood."}, offset)

    def converse(self, conversation_id: str, directory: Path, *prompts: str, offset: float = 0.0) -> None:
        """Make a conversation in which these things were said and answered."""
        self.make(conversation_id, directory, offset=offset)
        for prompt in prompts:
            self.say(conversation_id, prompt, offset=offset)
            self.answer(conversation_id, offset=offset)

    def _add(self, conversation_id: str, message: dict[str, Any], part: dict[str, Any], offset: float) -> None:
        number = f"{next(self._numbers):020}"
        self._connection.execute(
            "INSERT INTO message VALUES (?, ?, ?, ?)",
            (f"msg_{number}", conversation_id, _moment(offset), json.dumps(message)),
        )
        self._connection.execute(
            "INSERT INTO part VALUES (?, ?, ?, ?)",
            (f"prt_{number}", f"msg_{number}", conversation_id, json.dumps(part)),
        )


def _moment(offset: float) -> int:
    return int((time.time() + offset) * 1000)
