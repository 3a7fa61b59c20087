"""Which conversation belongs to a session, decided from what is on disk, and without changing anything.

The id is pinned: the conversation of a session has the session's own id. The client resumes it only in the directory
that it belongs to.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID, uuid5

from rouser import Conversation, Evidence, HookError, PromptState, Session, is_process_of
from rouser_gemini import chats, processes, prompts

# How much of a record is read to tell people its number of turns: some tens of milliseconds.
_COUNTED_BYTES: Final = 32 << 20

_MOST_STARTS: Final = 100


def find(session: Session, home: Path) -> Conversation:
    """Return the conversation to resume, or the one to start, and why in its ``reason``.

    :param home: the client's directory.
    :raises HookError: the records cannot be read, or the recorded id is none of the client's.
    """
    recorded = session.conversation
    evidence = Evidence.PINNED if recorded is None else recorded.evidence
    origin = "pinned at spawn" if evidence is Evidence.PINNED else f"recorded ({evidence})"
    return Conversation(id=id_of(session), evidence=evidence, reason=f"{origin}, {_describe(session, home)}")


def id_of(session: Session) -> str:
    """Return the id of the session's conversation.

    :raises HookError: it is not a UUID, which the client would take for a number in a list.
    """
    conversation_id = session.id if session.conversation is None else session.conversation.id
    try:
        return str(UUID(conversation_id))
    except ValueError as error:
        raise HookError(
            f"the recorded conversation {conversation_id!r} is not one of Gemini CLI's: its ids are UUIDs"
        ) from error


def id_to_start(session: Session, home: Path) -> str:
    """Return the id for a fresh conversation: the session's, unless the client has a conversation of that id here.

    It has one when the host has decided against resuming it.

    :raises HookError: the recorded id is none of the client's, or the records cannot be read.
    """
    for conversation_id in (id_of(session), *_pinned_ids(session)):
        if not any(_holds_words(chat) for chat in _here(session, home, conversation_id)):
            return conversation_id
    raise HookError(f"session {session.short_id} was started afresh {_MOST_STARTS} times; remove it and spawn another")


def is_resumable(session: Session, home: Path) -> bool:
    """Return whether the client can resume the session's conversation."""
    return any(_holds_words(chat) for chat in _here(session, home, id_of(session)))


def set_stubs_aside(session: Session, home: Path) -> None:
    """Rename the records of the session's conversation if nothing stands in any of them.

    A client that was killed before it had its prompt leaves such a stub, can not resume it, and refuses its id.

    :raises HookError: one cannot be renamed.
    """
    stubs = _here(session, home, id_of(session))
    if any(_holds_words(chat) for chat in stubs):
        return
    for chat in stubs:
        aside = chat.path.with_name(f"{chat.path.name}.stub-{time.time_ns()}")
        try:
            chat.path.rename(aside)
        except OSError as error:
            message = f"cannot move the stub {chat.path} aside: {error.strerror}; move it yourself"
            raise HookError(message) from error


def holder(session: Session) -> str | None:
    """Return a description of the live process that was started for the session's conversation; None when none was.

    The session's own, which lives on behind a terminal that is gone, is ended by :func:`clear_the_way`.
    """
    for client in processes.live():
        if client.conversation_id == id_of(session) and not is_process_of(session.id, client.pid):
            return f"process {client.pid}"
    return None


def clear_the_way(session: Session, home: Path) -> None:
    """End what is left of an earlier client of the session, and move aside what keeps the client from resuming.

    :raises HookError: it does not end, or a record cannot be changed.
    """
    try:
        processes.end_of_session(session.id, id_of(session))
    except OSError as error:
        raise HookError(f"an earlier client of the session is in the way: {error}; end it") from error
    set_stubs_aside(session, home)
    for chat in _here(session, home, id_of(session)):
        chats.cut_empty_restart(chat.path)


def has_started(session: Session, home: Path) -> bool:
    """Return whether the client has begun a record, or gone on in one, since the last launch."""
    launched = prompts.launched_at(session)
    found = chats.of_conversation(home, id_of(session))
    return launched is not None and any(_written(chat.path) >= launched for chat in found)


def prompt_state(session: Session, home: Path, prompt: str, since: datetime | None) -> PromptState:
    """Return how far ``prompt`` got: queued if nothing is seen of it, else durable.

    :param since: what was said before does not count, in UTC. None: everything counts.
    :raises HookError: the record cannot be read.
    """
    for chat in _here(session, home, id_of(session)):
        for said in chats.said(chat.path):
            if (since is None or said.at >= since) and prompts.is_sent_as(session, prompt, said.text):
                return PromptState.DURABLE
    return PromptState.QUEUED


def record_of(session: Session, home: Path) -> Path | None:
    """Return the record in which most was said; None when there is none."""
    found = [chat.path for chat in _here(session, home, id_of(session)) if _holds_words(chat)]
    return max(found, key=lambda path: sum(1 for _ in chats.said(path)), default=None)


def _here(session: Session, home: Path, conversation_id: str) -> list[chats.Chat]:
    """Return the records of a conversation that belong to the session's directory, or to none that is known."""
    found = chats.of_conversation(home, conversation_id)
    if session.workspace_path is None:
        return found
    here = os.path.realpath(session.workspace_path)
    return [chat for chat in found if chat.directory is None or os.path.realpath(chat.directory) == here]


def _pinned_ids(session: Session) -> Iterator[str]:
    """Yield the ids that sessions start conversations under, in their order."""
    yield session.id
    for number in range(1, _MOST_STARTS):
        yield str(uuid5(UUID(session.id), str(number)))


def _holds_words(chat: chats.Chat) -> bool:
    return next(chats.said(chat.path), None) is not None


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # removed while we look
        return 0.0


def _describe(session: Session, home: Path) -> str:
    path = record_of(session, home)
    if path is not None:
        turns = sum(1 for _ in chats.said(path, _COUNTED_BYTES))
        words = f"{turns} turn" + ("" if turns == 1 else "s")
        return f"record has {words}" if path.stat().st_size <= _COUNTED_BYTES else f"record has more than {words}"
    if any(_holds_words(chat) for chat in chats.of_conversation(home, id_of(session))):
        return "but its record belongs to another directory, where alone the client resumes it: starts over"
    if _here(session, home, id_of(session)):
        return "its record is a stub of an early crash, to be moved aside: starts under the same id"
    return "no record yet: starts under the same id"
