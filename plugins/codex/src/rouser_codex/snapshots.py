"""The client's snapshots of its shell, which tell for which session a conversation was opened.

When a conversation is opened, started or resumed, the client writes what its shell exports into
``shell_snapshots/<id>.<nanoseconds>.sh`` (seen with Codex 0.171.0, at most of the starts). rouser exports
``ROUSER_SESSION_ID``, so what a client that was killed had open can still be told, also after ``/new``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_NAME: Final = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(\d+)\.sh")
_SESSION: Final = re.compile(rb"""\bROUSER_SESSION_ID=["']?([0-9A-Za-z-]+)""")
_NESTED: Final = b" CODEX_THREAD_ID="  # of a client that an agent has started


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot: which conversation was opened when, and for which session; empty if for none."""

    conversation_id: str
    at: datetime
    session_id: str


def of_session(home: Path, session_id: str) -> list[Snapshot]:
    """Return the snapshots that name a session, the newest first."""
    found = [snapshot for snapshot in _all(home) if snapshot.session_id == session_id]
    return sorted(found, key=lambda snapshot: snapshot.at, reverse=True)


def owners(home: Path) -> dict[str, str]:
    """Return by conversation the session that the snapshots name, the newest one counting."""
    return {item.conversation_id: item.session_id for item in sorted(_all(home), key=lambda item: item.at)}


def _all(home: Path) -> Iterator[Snapshot]:
    for path in (home / "shell_snapshots").glob("*.sh"):
        name = _NAME.fullmatch(path.name)
        if name is None:
            continue
        with suppress(OSError):
            text = path.read_bytes()
            session = _SESSION.search(text)
            session_id = session[1].decode() if session is not None and _NESTED not in text else ""
            yield Snapshot(name[1], datetime.fromtimestamp(int(name[2]) / 1e9, UTC), session_id)
