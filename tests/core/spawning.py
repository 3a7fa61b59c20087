"""Spawns on a stage."""

from typing import Any

from support.stage import Stage

from rouser.spawn import SpawnOutcome, SpawnRequest, spawn_session


def request(stage: Stage, **fields: Any) -> SpawnRequest:
    values = {"task": "Fix the test", "repository": stage.repository} | fields
    return SpawnRequest(**({"agent": "agent", "runtime": "runtime", "workspace": "workspace"} | values))


def spawn(stage: Stage, **fields: Any) -> SpawnOutcome:
    return spawn_session(stage.host, stage.store, request(stage, **fields), stage.config)


def past_events(stage: Stage) -> list[str]:
    """Return the events of all sessions that ever were."""
    ids = {session.id for session in stage.journal.of("agent_prepare")}
    return [entry.event for session_id in ids for entry in stage.store.history(session_id)]
