"""Which conversation belongs to a session, decided from what is on disk, and without changing anything.

The id is pinned: the first conversation of a session has the session's own id. When the client says that it went
on under another one, as it does after ``/clear``, that one counts from then on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID, uuid5

from rouser import Conversation, Evidence, HookError, PromptState, Session
from rouser_claude_code import evidence, prompts, register, transcripts

# How much of a transcript is read to tell people its number of turns: some tens of milliseconds.
_COUNTED_BYTES: Final = 32 << 20

_MOST_STARTS: Final = 100


@dataclass(frozen=True, slots=True)
class _Origin:
    """An id, and how it is known to be the session's."""

    id: str
    evidence: Evidence
    words: str


def find(session: Session, home: Path) -> Conversation:
    """Return the conversation to resume, or the one to start, and why in its ``reason``.

    :param home: the client's configuration directory.
    :raises HookError: the transcripts cannot be read, or the recorded id is none of the client's.
    """
    origin = _origin(session, home)
    path = transcripts.locate(home, origin.id)
    is_empty = path is None and _is_still_empty(session, home, origin.id)
    if path is None and not is_empty and _was_accepted(session):
        newest = _newest_here(session, home)
        if newest is not None:
            return newest
    state = "nothing was said in it yet: starts under the same id" if is_empty else _describe(session, home, path)
    reason = f"{origin.words}, {state}"
    return Conversation(id=origin.id, evidence=origin.evidence, reason=reason)


def current_id(session: Session, home: Path) -> str:
    """Return the id of the conversation that the session's client has, or had, open.

    :raises HookError: the recorded id is none of the client's.
    """
    return _origin(session, home).id


def id_of(session: Session) -> str:
    """Return the id of the session's conversation, as the host has it from :func:`find`.

    :raises HookError: it is not a UUID, with which the client would stop and ask.
    """
    if session.conversation is None:
        return session.id
    return _checked(session.conversation.id)


def id_to_start(session: Session, home: Path) -> str:
    """Return the id for a fresh conversation: the session's, unless the client has a conversation of that id.

    It has one when the host has decided against resuming it.

    :raises HookError: the recorded id is none of the client's, or the transcripts cannot be read.
    """
    for conversation_id in (id_of(session), *_pinned_ids(session)):
        path = transcripts.locate(home, conversation_id)
        if path is None or not transcripts.is_conversation(path):
            return conversation_id
    raise HookError(f"session {session.short_id} was started afresh {_MOST_STARTS} times; remove it and spawn another")


def is_resumable(session: Session, home: Path) -> bool:
    """Return whether the client can resume the session's conversation."""
    path = transcripts.locate(home, id_of(session))
    return path is not None and transcripts.is_conversation(path)


def set_stub_aside(session: Session, home: Path) -> None:
    """Rename the transcript of the session's conversation if the client can neither resume it nor start over it.

    A client that was killed right at its start leaves such a stub, which holds metadata only.

    :raises HookError: it cannot be renamed.
    """
    path = transcripts.locate(home, id_of(session))
    if path is None or transcripts.is_conversation(path):
        return
    aside = path.with_name(f"{path.name}.stub-{path.stat().st_mtime_ns}")
    try:
        path.rename(aside)
    except OSError as error:
        raise HookError(f"cannot move the stub {path} aside: {error.strerror}; move it yourself") from error


def holder(session: Session, home: Path) -> str | None:
    """Return a description of the live process that has the session's conversation open; None when none has.

    The client lets two processes have one conversation, and loses what one of them writes.
    """
    conversation_id = current_id(session, home)
    process = register.find(home, conversation_id)
    if process is None:
        pid = register.starting(conversation_id)
        return None if pid is None else f"process {pid}"
    return f"process {process.pid}" + (f", started in {process.directory}" if process.directory else "")


def prompt_state(session: Session, home: Path, prompt: str, since: datetime | None) -> PromptState:
    """Return how far ``prompt`` got: queued if nothing is seen of it, accepted, or durable.

    :param since: what was said before does not count, in UTC. None: everything counts.
    :raises HookError: the transcript cannot be read.
    """
    if _is_durable(session, home, prompt, since):
        return PromptState.DURABLE
    # Only of this launch: what an earlier client had accepted, and then not written down, is lost.
    reported = evidence.events(session, "prompt", since)
    if any(prompts.is_sent_as(session, prompt, str(event.fields.get("prompt", ""))) for event in reported):
        return PromptState.ACCEPTED
    return PromptState.QUEUED


def _is_durable(session: Session, home: Path, prompt: str, since: datetime | None) -> bool:
    # After /clear the initial prompt stands in the conversation before, and was done.
    recorded = () if session.conversation is None else (id_of(session),)
    for conversation_id in dict.fromkeys((current_id(session, home), *recorded, *_lineage(session, home))):
        path = transcripts.locate(home, conversation_id)
        if path is not None and _stands_in(path, session, prompt, since):
            return True
    return False


def _stands_in(path: Path, session: Session, prompt: str, since: datetime | None) -> bool:
    return any(
        transcripts.is_said(record)
        and (since is None or transcripts.time_of(record) >= since)
        and prompts.is_sent_as(session, prompt, transcripts.text_of(record) or "")
        for record in transcripts.records(path, ("user",))
    )


def _origin(session: Session, home: Path) -> _Origin:
    recorded = session.conversation
    known = recorded.id if recorded is not None else session.id
    reported = evidence.newest(session, "start")
    process = register.of_session(home, session.id) if reported is None else None
    if reported is not None and reported.conversation_id != known:
        words = f"reported by the client ({reported.fields.get('source', 'start')})"
        found = _Origin(_checked(reported.conversation_id), Evidence.HOOK, words)
    elif process is not None and process.conversation_id != known:
        words = f"registered by the client's process {process.pid}"
        found = _Origin(_checked(process.conversation_id), Evidence.PROCESS, words)
    elif recorded is None or recorded.evidence is Evidence.PINNED:
        return _Origin(_checked(known), Evidence.PINNED, "pinned at spawn")
    else:
        return _Origin(_checked(known), recorded.evidence, f"recorded ({recorded.evidence})")
    return replace(found, evidence=Evidence.PINNED) if found.id in _pinned_ids(session) else found


def _lineage(session: Session, home: Path) -> list[str]:
    """Return the ids that the client went through since it was last started afresh, the latest first."""
    launched = evidence.launched_at(session)
    reports = evidence.events(session, "start")
    found = [event.conversation_id for event in reports]
    if launched is not None and not (reports and reports[0].at >= launched):
        process = register.of_session(home, session.id)  # it may be up before its hook has run
        found[:0] = [] if process is None else [process.conversation_id]
    pinned = frozenset(_pinned_ids(session))
    first = next((place for place, known in enumerate(found) if known in pinned), None)
    return [*found, session.id] if first is None else found[: first + 1]


def _is_still_empty(session: Session, home: Path, conversation_id: str) -> bool:
    """Return whether the client opened the conversation after another one, and nothing was said in it.

    The client writes a transcript when something is said, so such a conversation has none, and has lost nothing.
    """
    earlier = [known for known in _lineage(session, home) if known != conversation_id]
    said = any(event.conversation_id == conversation_id for event in evidence.events(session, "prompt"))
    return not said and any(transcripts.locate(home, known) is not None for known in earlier)


def _pinned_ids(session: Session) -> Iterator[str]:
    """Yield the ids that sessions start conversations under, in their order."""
    yield session.id
    for number in range(1, _MOST_STARTS):
        yield str(uuid5(UUID(session.id), str(number)))


def _newest_here(session: Session, home: Path) -> Conversation | None:
    """Return the newest conversation of the session's directory, a guess on which the host decides."""
    if session.workspace_path is None:
        return None
    path = transcripts.newest_in(home, session.workspace_path)
    if path is None:
        return None
    reason = f"the session's own transcript is gone from {home}; this is the newest of its directory"
    return Conversation(id=path.stem, evidence=Evidence.NEWEST_FILE, reason=reason)


def _checked(conversation_id: str) -> str:
    try:
        UUID(conversation_id)
    except ValueError as error:
        raise HookError(
            f"the recorded conversation {conversation_id!r} is not one of Claude Code's: its ids are UUIDs"
        ) from error
    return conversation_id


def _was_accepted(session: Session) -> bool:
    return session.prompt is not None and session.prompt.state in (PromptState.ACCEPTED, PromptState.DURABLE)


def _describe(session: Session, home: Path, path: Path | None) -> str:
    if path is None:
        if _was_accepted(session):
            return f"but its transcript is gone from {home}: starts over under the same id"
        return "no transcript yet: starts under the same id"
    summary = transcripts.summarize(path, _COUNTED_BYTES)
    if not summary.is_conversation:
        return "its transcript is a stub of an early crash, to be moved aside: starts under the same id"
    turns = f"{summary.turns} turn" + ("" if summary.turns == 1 else "s")
    return f"transcript has {turns}" if summary.is_complete else f"transcript has more than {turns}"
