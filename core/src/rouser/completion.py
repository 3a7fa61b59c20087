"""What shells complete: ids, names and plugins, read without loading a plugin or the store's machinery."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from rouser.paths import state_directory

if TYPE_CHECKING:
    from click import Context, Parameter
    from click.shell_completion import CompletionItem

_MOST = 200
_NEWEST = "SELECT id, name, task FROM sessions ORDER BY created_at DESC LIMIT :most"
# Two ranges, each of an index, so that thousands that do not match are not looked at.
_MATCHING = (
    "SELECT id, name, task FROM sessions WHERE id IN ("
    "SELECT id FROM sessions WHERE id >= :id AND id < :id || char(0x10ffff) UNION "
    "SELECT id FROM sessions WHERE name >= :prefix AND name < :prefix || char(0x10ffff)"
    ") ORDER BY created_at DESC LIMIT :most"
)


def complete_session(context: Context, parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the sessions whose id or name begins with what was typed, newest first."""
    del context, parameter
    from click.shell_completion import CompletionItem

    path = state_directory() / "rouser.db"
    try:
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=1)
        try:
            rows = connection.execute(
                _MATCHING if incomplete else _NEWEST, {"prefix": incomplete, "id": incomplete.lower(), "most": _MOST}
            ).fetchall()
        finally:
            connection.close()
    except (sqlite3.Error, OSError):
        return []
    found = []
    for session_id, name, task in rows:
        label = name if name is not None and name.startswith(incomplete) else session_id[: max(8, len(incomplete))]
        words = "".join(char if char.isprintable() else " " for char in task)
        found.append(CompletionItem(label, help=words[:60]))
    return found


def complete_plugin(context: Context, parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the names of the installed plugins that begin with what was typed."""
    del context, parameter
    from click.shell_completion import CompletionItem

    from rouser.entrypoints import installed

    names = dict.fromkeys(entry.name for entry in installed())
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
