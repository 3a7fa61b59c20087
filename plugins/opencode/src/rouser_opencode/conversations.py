"""Which conversation belongs to a session, decided from what the client keeps, and without changing anything.

The id is pinned: it is made of the session's own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID, uuid5

from rouser import Conversation, Evidence, HookError, PromptState, Session, is_process_of
from rouser_opencode import database, processes, prompts

_ID: Final = re.compile(r"ses_[0-9A-Za-z]+")
_MOST_STARTS: Final = 100


def find(session: Session, path: Path) -> Conversation:
    """Return the conversation to resume, or the one to start, and why in its ``reason``.

    :param path: the client's database.
    :raises HookError: it cannot be read, or the recorded id is none of the client's.
    """
    recorded = session.conversation
    evidence = Evidence.PINNED if recorded is None else recorded.evidence
    origin = "pinned at spawn" if evidence is Evidence.PINNED else f"recorded ({evidence})"
    return Conversation(id=id_of(session), evidence=evidence, reason=f"{origin}, {_describe(session, path)}")


def id_of(session: Session) -> str:
    """Return the id of the session's conversation.

    :raises HookError: the recorded one is none of the client's.
    """
    if session.conversation is None:
        return _pinned(UUID(session.id))
    if not _ID.fullmatch(session.conversation.id):
        raise HookError(
            f"the recorded conversation {session.conversation.id!r} is not one of opencode's: its ids begin with ses_"
        )
    return session.conversation.id


def id_to_start(session: Session, path: Path) -> str:
    """Return the id for a fresh conversation: the session's, unless something was said in the one of that id.

    That was when the host has decided against resuming it.

    :raises HookError: the recorded id is none of the client's, or the database cannot be read.
    """
    for conversation_id in (id_of(session), *_pinned_ids(session)):
        if not database.said(path, conversation_id):
            return conversation_id
    raise HookError(f"session {session.short_id} was started afresh {_MOST_STARTS} times; remove it and spawn another")


def is_resumable(session: Session, path: Path) -> bool:
    """Return whether something was said in the session's conversation."""
    return bool(database.said(path, id_of(session)))


def is_elsewhere(session: Session, path: Path) -> bool:
    """Return whether the session's conversation belongs to another directory than the session's."""
    kept = database.find(path, id_of(session))
    if kept is None or session.workspace_path is None:
        return False
    return os.path.realpath(kept.directory) != os.path.realpath(session.workspace_path)


def holder(session: Session, path: Path) -> str | None:
    """Return a description of the live process that has the session's conversation open; None when none has.

    The session's own, which lost its terminal and is about to end, is ended by :func:`clear_the_way`.
    """
    kept = database.find(path, id_of(session))
    if kept is None:
        return None
    for client in processes.live(path):
        if may_hold(client, kept) and not is_process_of(session.id, client.pid):
            return f"process {client.pid}" + (f", started in {client.directory}" if client.directory else "")
    return None


def clear_the_way(session: Session, path: Path) -> None:
    """End what is left of an earlier client of the session.

    :raises HookError: it does not end.
    """
    try:
        processes.end_of_session(path, session.id, id_of(session))
    except OSError as error:
        raise HookError(f"an earlier client of the session is in the way: {error}; end it") from error


def may_hold(client: processes.Client, kept: database.Kept) -> bool:
    """Return whether a live process has a conversation open: it was started for it, or the conversation began in it.

    What began in a process is told by directory and time. A pinned conversation began in none but its own.
    """
    if client.conversation_id == kept.id:
        return True
    started = client.started if client.is_up else None
    if started is None or _is_pinned(kept.id) or kept.began < started:
        return False
    return os.path.realpath(kept.directory) == client.directory


def has_started(session: Session, path: Path) -> bool | None:
    """Return whether a client that was started for the conversation since the last launch has it open."""
    launched = prompts.launched_at(session)
    if launched is None or not processes.can_be_seen():
        return None
    own = (client.started for client in processes.of_conversation(path, id_of(session)) if client.is_up)
    # The kernel counts in hundredths of a second.
    return any(started is not None and started.timestamp() >= launched - 1 for started in own)


def prompt_state(session: Session, path: Path, prompt: str, since: datetime | None) -> PromptState:
    """Return how far ``prompt`` got: queued if nothing is seen of it, else durable.

    :param since: what was said before does not count, in UTC. None: everything counts.
    :raises HookError: the database cannot be read.
    """
    for said in database.said(path, id_of(session)):
        if (since is None or said.at >= since) and prompts.is_sent_as(session, prompt, said.text):
            return PromptState.DURABLE
    return PromptState.QUEUED


def _pinned(identity: UUID) -> str:
    return f"ses_{identity.hex}"


def _is_pinned(conversation_id: str) -> bool:
    return re.fullmatch(r"ses_[0-9a-f]{32}", conversation_id) is not None


def _pinned_ids(session: Session) -> Iterator[str]:
    """Yield the ids that sessions start conversations under, in their order."""
    yield _pinned(UUID(session.id))
    for number in range(1, _MOST_STARTS):
        yield _pinned(uuid5(UUID(session.id), str(number)))


def _describe(session: Session, path: Path) -> str:
    turns = len(database.said(path, id_of(session)))
    if not turns:
        return "nothing was said in it: starts under the same id"
    words = f"{turns} turn" + ("" if turns == 1 else "s")
    return f"{words} written down" + (", in another directory" if is_elsewhere(session, path) else "")
