"""The conversations that the client keeps on this machine, whoever started them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from rouser import DiscoveredConversation, HookError, time_left
from rouser_opencode import database, processes
from rouser_opencode.conversations import may_hold

_WORDS: Final = 120
_LEAST_SECONDS: Final = 0.3


def discover(path: Path, since: datetime | None = None) -> list[DiscoveredConversation]:
    """Return the conversations in which something was said; newest first.

    :param path: the client's database.
    :param since: leave out what was not written to since then and is not open. None: nothing.
    :raises HookError: the database cannot be read, or not in time.
    """
    clients = list(processes.live(path))
    wanted = database.every(path)
    found = []
    for number, kept in enumerate(wanted):
        if time_left() < _LEAST_SECONDS:
            raise HookError(f"only {number} of {len(wanted)} conversations could be read in time; ask for --since 1d")
        holder = next((client for client in clients if may_hold(client, kept)), None)
        if since is not None and kept.written < since and holder is None:
            continue
        said = database.said(path, kept.id)
        if not said:
            continue
        if holder is not None:
            clients.remove(holder)  # it shows one conversation, the last of those that began in it
        found.append(
            DiscoveredConversation(
                id=kept.id,
                directory=kept.directory,
                last_activity=kept.written,
                first_words=_shortened(said[0].text),
                pid=None if holder is None else holder.pid,
            )
        )
    return found


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WORDS else f"{line[: _WORDS - 1]}…"
