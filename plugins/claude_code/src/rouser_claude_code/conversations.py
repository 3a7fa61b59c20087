"""Which conversation belongs to a session, decided from what is on disk, and without changing anything.

The id is pinned: the first conversation of a session has the session's own id. A process that was killed before
its first prompt was written may leave a stub, with which the client neither resumes nor starts; then the next
id takes its place, derived from the session's, so that the same question has the same answer every time.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final
from uuid import UUID, uuid5

from rouser import Conversation, Evidence, HookError, PromptState, Session
from rouser_claude_code import prompts, register, transcripts

# How much of a transcript is read to tell people its number of turns: some tens of milliseconds.
_COUNTED_BYTES: Final = 32 << 20


def find(session: Session, home: Path) -> Conversation:
    """Return the conversation to resume, or the one to start, and why in its ``reason``.

    :param home: the client's configuration directory.
    :raises HookError: the transcripts cannot be read, or the recorded id is none of the client's.
    """
    recorded = session.conversation
    origin = "pinned at spawn"
    if recorded is not None and recorded.evidence is not Evidence.PINNED:
        origin = f"recorded ({recorded.evidence})"
    first = recorded.id if recorded is not None else session.id
    for conversation_id in _candidates(session.id, first):
        path = transcripts.locate(home, conversation_id)
        summary = transcripts.summarize(path, _COUNTED_BYTES) if path is not None else None
        if summary is not None and not summary.is_conversation:
            origin = "the transcript before is a stub of an early crash: a new id"
            continue
        evidence = recorded.evidence if recorded is not None and conversation_id == first else Evidence.PINNED
        reason = f"{origin}, {_describe(session, home, summary)}{_holder(home, conversation_id)}"
        return Conversation(id=conversation_id, evidence=evidence, reason=reason)
    raise AssertionError  # the candidates never end


def id_of(session: Session) -> str:
    """Return the id of the session's conversation, as the host has it from :func:`find`.

    :raises HookError: it is not a UUID, with which the client would stop and ask.
    """
    if session.conversation is None:
        return session.id
    return _checked(session.conversation.id)


def is_resumable(session: Session, home: Path) -> bool:
    """Return whether the client can resume the session's conversation."""
    path = transcripts.locate(home, id_of(session))
    return path is not None and transcripts.is_conversation(path)


def holds_prompt(session: Session, home: Path, prompt: str) -> bool:
    """Return whether ``prompt`` stands in the session's conversation.

    :raises HookError: the transcript cannot be read.
    """
    path = transcripts.locate(home, id_of(session))
    if path is None:
        return False
    return any(
        transcripts.is_said(record) and prompts.is_sent_as(session, prompt, transcripts.text_of(record) or "")
        for record in transcripts.records(path, ("user",))
    )


def _candidates(session_id: str, first: str) -> Iterator[str]:
    yield _checked(first)
    for number in count(1):
        yield str(uuid5(UUID(session_id), str(number)))


def _checked(conversation_id: str) -> str:
    try:
        UUID(conversation_id)
    except ValueError as error:
        raise HookError(
            f"the recorded conversation {conversation_id!r} is not one of Claude Code's: its ids are UUIDs"
        ) from error
    return conversation_id


def _describe(session: Session, home: Path, summary: transcripts.Summary | None) -> str:
    if summary is not None:
        turns = f"{summary.turns} turn" + ("" if summary.turns == 1 else "s")
        return f"transcript has {turns}" if summary.is_complete else f"transcript has more than {turns}"
    was_accepted = session.prompt is not None and session.prompt.state in (PromptState.ACCEPTED, PromptState.DURABLE)
    if was_accepted:
        return f"but its transcript is gone from {home}: starts over under the same id"
    return "no transcript yet: starts under the same id"


def _holder(home: Path, conversation_id: str) -> str:
    # The client lets two processes have one conversation, and loses what one of them writes.
    process = register.find(home, conversation_id)
    return "" if process is None else f", held by the live process {process.pid}"
