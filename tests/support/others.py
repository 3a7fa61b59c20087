"""Conversations that others started, and plugins that know of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from support.fakes import FakeAgent, FakeRuntime, Journal

from rouser import Conversation, DiscoveredConversation, DiscoveredRuntime, Session, hookimpl

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def conversation(number: int, directory: Path, **fields: Any) -> DiscoveredConversation:
    """Return one that was written to ``number`` hours ago, with a UUID that begins with that number."""
    values: dict[str, Any] = {
        "id": f"{number:08d}-0000-4000-8000-000000000000",
        "directory": directory,
        "branch": "main",
        "last_activity": NOW - timedelta(hours=number),
        "first_words": f"task {number}",
    }
    return DiscoveredConversation(**(values | fields))


class Finder(FakeAgent):
    """An agent that knows of conversations, and says which of them belongs to a session."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self.found: list[DiscoveredConversation] = []
        self.gone_on: dict[str, Conversation] = {}

    @hookimpl
    def agent_discover(self, since: datetime | None) -> Sequence[DiscoveredConversation]:
        self.journal.begin("agent_discover", since)
        return self.found

    @hookimpl
    def agent_find_conversation(self, session: Session) -> Conversation | None:
        self.journal.begin("agent_find_conversation", session)
        return self.gone_on.get(session.id, session.conversation)

    @hookimpl
    def agent_restore_command(self, session: Session) -> Sequence[str] | None:
        self.journal.begin("agent_restore_command", session)
        return None if session.conversation is None else ("agent", "resume", session.conversation.id)


class Taker(FakeRuntime):
    """A runtime in which processes run that nobody but the user started."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self.users: Mapping[int, str] = {}

    @hookimpl
    def runtime_adopt(self, session: Session, pid: int) -> str | None:
        self.journal.begin("runtime_adopt", pid)
        if pid not in self.users:
            return None
        handle = self.users[pid]
        self.live[handle] = DiscoveredRuntime(handle=handle, session_id=session.id, name=session.next_runtime_name)
        self.journal.end("runtime_adopt")
        return handle
