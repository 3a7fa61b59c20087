"""Sessions as JSON objects and as the words of a listing."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from rouser.liveness import SessionView
from rouser.models import Session

FIELDS: Final = (
    "id",
    "name",
    "project_id",
    "status",
    "alive",
    "activity",
    "agent",
    "agent_config",
    "note",
    "runtime",
    "runtime_config",
    "runtime_handle",
    "runtime_name",
    "workspace",
    "workspace_path",
    "repository",
    "branch",
    "base",
    "task",
    "conversation",
    "prompt",
    "interrupted",
    "created_at",
    "updated_at",
    "issue_id",
    "issue_url",
    "initial_prompt_override",
    "spawned_by",
    "metadata",
)
"""The keys of a session's JSON object, in their order."""


def session_fields(session: Session, alive: bool | None, note: str = "") -> dict[str, Any]:
    """Return a session's JSON object.

    :param alive: whether its agent runs. None: unknown.
    :param note: what its runtime says of itself; empty when it says nothing.
    """
    conversation, prompt = session.conversation, session.prompt
    return {
        "id": session.id,
        "name": session.name,
        "project_id": session.project_id,
        "status": session.status,
        "alive": alive,
        "activity": session.activity,
        "agent": session.agent,
        "agent_config": dict(session.agent_config),
        "note": note or None,
        "runtime": session.runtime,
        "runtime_config": dict(session.runtime_config),
        "runtime_handle": session.runtime_handle,
        "runtime_name": session.runtime_name,
        "workspace": session.workspace,
        "workspace_path": None if session.workspace_path is None else str(session.workspace_path),
        "repository": str(session.repository),
        "branch": session.branch,
        "base": session.base,
        "task": session.task,
        "conversation": None
        if conversation is None
        else {"id": conversation.id, "evidence": conversation.evidence, "reason": conversation.reason},
        "prompt": None
        if prompt is None
        else {
            "state": prompt.state,
            "at": prompt.at.isoformat(),
            "reason": prompt.reason,
            "digest": prompt.digest,
        },
        "interrupted": session.pending is not None,
        "created_at": session.created_at.isoformat(),
        "updated_at": session.updated_at.isoformat(),
        "issue_id": session.issue_id,
        "issue_url": session.issue_url,
        "initial_prompt_override": session.initial_prompt_override,
        "spawned_by": session.spawned_by,
        "metadata": dict(session.metadata),
    }


def view_fields(seen: SessionView) -> dict[str, Any]:
    """Return the JSON object of a session as it was found."""
    return session_fields(seen.session, seen.liveness.alive, seen.note)


def age(since: datetime, now: datetime) -> str:
    """Return how long ago ``since`` was, like ``12m``, ``2h`` or ``3d``; ``0s`` when it is in the future."""
    seconds = max(0, int((now - since).total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def short_prefix(session_id: str, ids: list[str]) -> str:
    """Return the shortest unambiguous prefix of an id, at least three characters."""
    for length in range(3, len(session_id)):
        prefix = session_id[:length]
        if sum(other.startswith(prefix) for other in ids) == 1:
            return prefix
    return session_id
