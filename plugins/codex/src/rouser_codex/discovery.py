"""The conversations that the client keeps on this machine, whoever started them.

There may be thousands of records, some of many megabytes, so each is judged by its beginning.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rouser import DiscoveredConversation, HookError, time_left
from rouser_codex import processes, rollouts

_HEAD: Final = 512 << 10  # the first lines hold instructions of tens of thousands of bytes
_WORDS: Final = 120
_LEAST_SECONDS: Final = 0.3


def discover(home: Path, since: datetime | None = None) -> list[DiscoveredConversation]:
    """Return the conversations that persons had in terminals, and those that a live process has open; newest first.

    :param home: the client's directory.
    :param since: leave out what was not written to since then and is not open. None: nothing.
    :raises HookError: the records cannot be read, or not in time.
    """
    holders = {conversation: client for client in processes.live(home) for conversation in client.open}
    wanted = []
    for path in rollouts.paths(home):
        name = rollouts.NAME.fullmatch(path.name)
        if name is None:
            continue
        written = _written(path)
        if written is not None and (since is None or written >= since or name[1] in holders):
            wanted.append((written, name[1], path))
    found = []
    for number, (written, conversation_id, path) in enumerate(sorted(wanted, reverse=True)):
        if time_left() < _LEAST_SECONDS:
            raise HookError(f"only {number} of {len(wanted)} records could be read in time; ask for --since 1d")
        conversation = _read(path, written, holders.pop(conversation_id, None))
        if conversation is not None:
            found.append(conversation)
    unwritten = [_unwritten(conversation_id, client) for conversation_id, client in holders.items()]
    return sorted([*found, *filter(None, unwritten)], key=lambda item: item.last_activity, reverse=True)


def _read(path: Path, written: datetime, holder: processes.Client | None) -> DiscoveredConversation | None:
    """Return what a record tells; None when it is no person's, or cannot be read."""
    try:
        head = rollouts.head(path)
        if head is None or not head.is_in_terminal or not head.directory.is_absolute():
            return None
        first = next(rollouts.said(path, _HEAD), None)
    except HookError:
        return None
    return DiscoveredConversation(
        id=head.id,
        directory=head.directory,
        branch=head.branch,
        last_activity=written,
        first_words=_shortened(first.text if first is not None else ""),
        pid=holder.pid if holder is not None else None,
    )


def _unwritten(conversation_id: str, client: processes.Client) -> DiscoveredConversation | None:
    """Return a conversation that is open and has no record, as nothing was said in it yet."""
    directory = client.directory
    if directory is None:
        return None
    return DiscoveredConversation(
        id=conversation_id, directory=directory, last_activity=datetime.now(UTC), pid=client.pid
    )


def _written(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:  # removed while we look
        return None


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WORDS else f"{line[: _WORDS - 1]}…"
