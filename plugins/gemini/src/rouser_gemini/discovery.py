"""The conversations that the client keeps on this machine, whoever started them.

There may be thousands of records, some of many megabytes, so each is judged by its beginning.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rouser import DiscoveredConversation, HookError, time_left
from rouser_gemini import chats, processes

_HEAD: Final = 512 << 10  # the first lines hold the listing of the directory
_WORDS: Final = 120
_LEAST_SECONDS: Final = 0.3


def discover(home: Path, since: datetime | None = None) -> list[DiscoveredConversation]:
    """Return the conversations in which something was said; newest first.

    :param home: the client's directory.
    :param since: leave out what was not written to since then and is not open. None: nothing.
    :raises HookError: the records cannot be read, or not in time.
    """
    holders = {client.conversation_id: client.pid for client in processes.live()}
    wanted = [(written, path) for path in chats.every(home) if (written := _written(path)) is not None]
    found: dict[str, DiscoveredConversation] = {}
    for number, (written, path) in enumerate(sorted(wanted, reverse=True)):
        if time_left() < _LEAST_SECONDS:
            raise HookError(f"only {number} of {len(wanted)} records could be read in time; ask for --since 1d")
        if since is not None and written < since and not any(path.stem.endswith(item[:8]) for item in holders):
            continue
        conversation = _read(path, written, holders)
        if conversation is not None:
            found.setdefault(conversation.id, conversation)
    return list(found.values())


def _read(path: Path, written: datetime, holders: Mapping[str, int]) -> DiscoveredConversation | None:
    """Return what a record tells; None when nothing was said in it, or it cannot be read."""
    try:
        chat = chats.read(path)
        first = None if chat is None else next(chats.said(path, _HEAD), None)
    except HookError:
        return None
    if chat is None or first is None or chat.directory is None:
        return None
    return DiscoveredConversation(
        id=chat.id,
        directory=chat.directory,
        last_activity=written,
        first_words=_shortened(first.text),
        pid=holders.get(chat.id),
    )


def _written(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:  # removed while we look
        return None


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WORDS else f"{line[: _WORDS - 1]}…"
