"""The conversations on this machine that no session owns, as the agents' own records show them."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rouser.agent_provider import Agent
from rouser.errors import ConversationNotFoundError, PluginError
from rouser.host import Host
from rouser.models import DiscoveredConversation, Evidence, Session

_LISTED_MATCHES = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A conversation that an agent's records show.

    :ivar agent: name of the agent plugin.
    :ivar conversation: what the plugin tells of it.
    :ivar owner: the session that it belongs to. None: no session owns it.
    """

    agent: str
    conversation: DiscoveredConversation
    owner: Session | None = None

    @property
    def alive(self) -> bool:
        """Whether a live process holds it."""
        return self.conversation.pid is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """Which conversations are wanted; what is None matches all.

    :ivar agent: name of the agent plugin.
    :ivar directory: where it ran: there, or anywhere below.
    :ivar since: the earliest last activity; live conversations are always late enough.
    :ivar alive: whether a live process holds it.
    :ivar limit: how many, the newest first.
    """

    agent: str | None = None
    directory: Path | None = None
    since: datetime | None = None
    alive: bool | None = None
    limit: int | None = None


def discover(host: Host, sessions: Sequence[Session], wanted: Filter, floor: Evidence) -> list[Found]:
    """Return the conversations that no session owns, newest first.

    What goes wrong with a plugin that nobody named is added to ``host.problems``.

    :param sessions: all that are on record.
    :param floor: the weakest evidence on which a session may claim a conversation that it did not record.
    :raises PluginError: the agent that ``wanted`` names is not there, cannot discover, or failed.
    """
    found = [item for item in discover_all(host, sessions, wanted, floor) if item.owner is None]
    return found[: wanted.limit]


def discover_all(host: Host, sessions: Sequence[Session], wanted: Filter, floor: Evidence) -> list[Found]:
    """Like :func:`discover`, the conversations of sessions among them, and however many there are."""
    place = None if wanted.directory is None else _real(wanted.directory)
    found = []
    for name in _agents(host, wanted.agent):
        try:
            conversations = Agent(host, name).discover(wanted.since)
        except PluginError as error:
            if wanted.agent is not None:
                raise
            host.problems.append(str(error))
            continue
        shown = [item for item in conversations if _matches(item, wanted, place)]
        owners = _owners(host, name, sessions, shown, floor)
        found += [Found(agent=name, conversation=item, owner=owners.get(item.id)) for item in shown]
    return sorted(found, key=lambda item: item.conversation.last_activity, reverse=True)


def pick(found: Sequence[Found], text: str) -> Found:
    """Return the conversation that ``text`` means: a full id, or an unambiguous prefix of one.

    :raises ConversationNotFoundError: it means none, or several.
    """
    exact = [item for item in found if item.conversation.id == text]
    matches = exact or [item for item in found if text and item.conversation.id.startswith(text)]
    if not matches:
        raise ConversationNotFoundError(f'no conversation matches "{text}". See: rouser discover --since all')
    if len(matches) > 1:
        shown = " · ".join(
            f"{item.conversation.id} ({item.agent}) {item.conversation.first_words:.40}".strip()
            for item in matches[:_LISTED_MATCHES]
        )
        more = " and more" if len(matches) > _LISTED_MATCHES else ""
        raise ConversationNotFoundError(
            f'"{text}" matches {len(matches)} conversations: {shown}{more}. Type more of the id, or give --agent.'
        )
    return matches[0]


def _agents(host: Host, name: str | None) -> list[str]:
    if name is None:
        return [name for name in host.names("agent") if host.implements(name, "agent_discover")]
    host.require(name, "agent")
    if not Agent(host, name).discovers:
        raise PluginError(f"{name} keeps no records of conversations that rouser could discover", name)
    return [name]


def _matches(item: DiscoveredConversation, wanted: Filter, place: Path | None) -> bool:
    alive = item.pid is not None
    if wanted.alive is not None and alive is not wanted.alive:
        return False
    if wanted.since is not None and item.last_activity < wanted.since and not alive:
        return False
    return place is None or _real(item.directory).is_relative_to(place)


def _owners(
    host: Host, agent: str, sessions: Iterable[Session], found: Sequence[DiscoveredConversation], floor: Evidence
) -> Mapping[str, Session]:
    """Return by conversation id the sessions that own them.

    A session owns what it has recorded, and a conversation of its own id: some agents are given that. But an
    agent may have gone on under another id, so the sessions in the directories of the others are asked.
    """
    ours = [session for session in sessions if session.agent == agent]
    owners = {session.id: session for session in ours}
    owners |= {session.conversation.id: session for session in ours if session.conversation is not None}
    by_place: dict[Path, list[Session]] = defaultdict(list)
    for session in ours:
        if session.workspace_path is not None:
            by_place[_real(session.workspace_path)].append(session)
    if by_place:
        places = {_real(item.directory) for item in found if item.id not in owners}
        for place in places & by_place.keys():
            here = [item.id for item in found if _real(item.directory) == place]
            for session in by_place[place]:
                for claimed in _claims(host, session, floor, here):
                    owners.setdefault(claimed, session)
    return owners


def _claims(host: Host, session: Session, floor: Evidence, here: Sequence[str]) -> Sequence[str]:
    """Return the conversations that a session's agent says are its own; all that are there when it cannot tell."""
    try:
        claimed = Agent(host, session.agent).find_conversation(session)
    except PluginError as error:
        host.problems.append(f"conversations in {session.workspace_path} may be {session.short_id}'s: {error}")
        return here
    return [claimed.id] if claimed is not None and claimed.evidence.at_least(floor) else []


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
