"""Which conversation belongs to a session, decided from what the client left, and without changing anything.

The client chooses the ids of its conversations itself, so that none can be pinned. What tells is, in this order: what
the session's live process has open; what the last snapshot of its shell says; what was recorded; the only record of
the directory that begins with the session's prompt, after the session began; and the newest of them, a mere guess.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from rouser import Conversation, Evidence, HookError, PromptState, Session
from rouser_codex import processes, prompts, rollouts, snapshots

# How much of a record is read to tell people its number of turns: some tens of milliseconds.
_COUNTED_BYTES: Final = 32 << 20
_TICK: Final = 0.1  # seconds; the kernel dates files by its last tick, not by the clock


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A record that may be the session's, as nothing better is known."""

    head: rollouts.Head
    path: Path


def find(session: Session, home: Path) -> Conversation | None:
    """Return the conversation to resume, and why in its ``reason``; None when there is none.

    :param home: the client's directory.
    :raises HookError: the records cannot be read, or the recorded id is none of the client's.
    """
    found = _open(session, home) or _noted(session, home)
    recorded = session.conversation
    if found is None and recorded is not None and rollouts.locate(home, checked(recorded.id)) is not None:
        found = Conversation(id=recorded.id, evidence=recorded.evidence, reason=f"recorded ({recorded.evidence})")
    found = found or _begun_here(session, home)
    if found is not None:
        return Conversation(id=found.id, evidence=found.evidence, reason=f"{found.reason}, {_describe(home, found.id)}")
    if recorded is None:
        return None
    reason = f"recorded, but {_describe(home, recorded.id)}"
    return Conversation(id=recorded.id, evidence=recorded.evidence, reason=reason)


def is_resumable(session: Session, home: Path) -> bool:
    """Return whether the client can resume the session's recorded conversation."""
    if session.conversation is None:
        return False
    path = rollouts.locate(home, checked(session.conversation.id))
    return path is not None and rollouts.head(path) is not None


def holder(session: Session, home: Path) -> str | None:
    """Return a description of the live process that has the session's conversation open; None when none has."""
    conversation = find(session, home)
    client = None if conversation is None else processes.holder(home, conversation.id)
    if client is None:
        return None
    return f"process {client.pid}" + (f", started in {client.directory}" if client.directory else "")


def prompt_state(session: Session, home: Path, prompt: str, since: datetime | None) -> PromptState:
    """Return how far ``prompt`` got: queued if nothing is seen of it, else durable.

    :param since: what was said before does not count, in UTC. None: everything counts.
    :raises HookError: the record cannot be read.
    """
    conversation = find(session, home)
    certain = conversation is not None and conversation.evidence is not Evidence.NEWEST_FILE
    ids = [conversation.id] if certain and conversation is not None else []
    # After /new the initial prompt stands in the first conversation still, and was done.
    ids += [snapshot.conversation_id for snapshot in snapshots.of_session(home, session.id)]
    ids += [session.conversation.id] if session.conversation is not None else []
    for conversation_id in dict.fromkeys(ids):
        path = rollouts.locate(home, conversation_id)
        if path is not None and any(
            (since is None or said.at >= since) and prompts.is_sent_as(session, prompt, said.text)
            for said in rollouts.said(path)
        ):
            return PromptState.DURABLE
    return PromptState.QUEUED


def checked(conversation_id: str) -> str:
    """Return the id.

    :raises HookError: it is not a UUID, which the client would take for a name.
    """
    try:
        return str(UUID(conversation_id))
    except ValueError as error:
        raise HookError(
            f"the recorded conversation {conversation_id!r} is not one of Codex's: its ids are UUIDs"
        ) from error


def _open(session: Session, home: Path) -> Conversation | None:
    client = processes.of_session(home, session.id)
    if client is None:
        return None
    for conversation_id in reversed(client.open):
        path = rollouts.locate(home, conversation_id)
        head = None if path is None else rollouts.head(path)
        if head is None or head.is_in_terminal:
            reason = f"open in the session's process {client.pid}"
            return Conversation(id=conversation_id, evidence=Evidence.PROCESS, reason=reason)
    return None


def _noted(session: Session, home: Path) -> Conversation | None:
    """Return what the last snapshot says, unless the recorded conversation began after it."""
    recorded = session.conversation
    recorded_path = None if recorded is None else rollouts.locate(home, checked(recorded.id))
    recorded_head = None if recorded_path is None else rollouts.head(recorded_path)
    for snapshot in snapshots.of_session(home, session.id):
        if recorded is not None and snapshot.conversation_id == recorded.id:
            return None
        if recorded_head is not None and recorded_head.began > snapshot.at:
            return None
        path = rollouts.locate(home, snapshot.conversation_id)
        head = None if path is None else rollouts.head(path)
        if head is not None and head.is_in_terminal:
            reason = "opened by the session's client, as the snapshot of its shell says"
            return Conversation(id=head.id, evidence=Evidence.PROCESS, reason=reason)
    return None


def _begun_here(session: Session, home: Path) -> Conversation | None:
    """Return what began in the session's directory since the session did."""
    candidates = _candidates(session, home)
    prompt = session.task if session.initial_prompt_override is None else session.initial_prompt_override
    own = [item for item in candidates if prompt.strip() and _begins_with(item.path, session, prompt)]
    if len(own) == 1:
        reason = "the only one of the directory that began since with the session's prompt"
        return Conversation(id=own[0].head.id, evidence=Evidence.PROCESS, reason=reason)
    newest = max(candidates, key=lambda item: item.head.began, default=None)
    if newest is None:
        return None
    reason = "nothing tells the session's own; this is the newest of its directory"
    return Conversation(id=newest.head.id, evidence=Evidence.NEWEST_FILE, reason=reason)


def _candidates(session: Session, home: Path) -> list[_Candidate]:
    if session.workspace_path is None:
        return []
    here = os.path.realpath(session.workspace_path)
    since = session.created_at
    recent = [path for path in rollouts.paths(home) if _written(path) >= since.timestamp() - _TICK]
    if not recent:
        return []
    owners = snapshots.owners(home)
    found = []
    for path in recent:
        head = rollouts.head(path)
        if head is None or not head.is_in_terminal or head.began < since or os.path.realpath(head.directory) != here:
            continue
        if owners.get(head.id, "") in {"", session.id}:
            found.append(_Candidate(head, path))
    return found


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # removed while we look
        return 0.0


def _begins_with(path: Path, session: Session, prompt: str) -> bool:
    first = next(rollouts.said(path), None)
    return first is not None and prompts.is_sent_as(session, prompt, first.text)


def _describe(home: Path, conversation_id: str) -> str:
    path = rollouts.locate(home, conversation_id)
    if path is None:
        return "nothing of it is written down: starts afresh"
    turns = sum(1 for _ in rollouts.said(path, _COUNTED_BYTES))
    words = f"{turns} turn" + ("" if turns == 1 else "s")
    return f"{words} written down" if path.stat().st_size <= _COUNTED_BYTES else f"more than {words} written down"
