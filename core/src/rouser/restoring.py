"""One restore on its way through the steps: what it works on, what it was asked for, and what it found."""

from collections.abc import Callable
from typing import NamedTuple

from rouser.agent_provider import Agent
from rouser.config import Config
from rouser.host import Host
from rouser.models import RestoreOutcome, Session
from rouser.runtime_provider import Runtime
from rouser.store import Store
from rouser.workspace_provider import Directory, Workspace


def nothing() -> None:
    """Stand for nobody who wants to know."""


class Restore(NamedTuple):
    """One restore on its way through the steps.

    :ivar recorded: the session as it was when the restore began.
    :ivar force: whether a runtime of which it is unknown whether it lives is taken for dead.
    :ivar evidence: what was found and decided, by subject, in words for people; added to on the way.
    :ivar warnings: what went wrong without making the restore fail, a line each; added to on the way.
    :ivar changing: called once when everything was looked at and something is about to be changed.
    :ivar with_snapshot: whether a workspace that has to be recreated gets the work of its latest snapshot.
    """

    host: Host
    store: Store
    config: Config
    recorded: Session
    runtime: Runtime
    agent: Agent
    workspace: Workspace | Directory
    force: bool
    evidence: dict[str, str]
    warnings: list[str]
    changing: Callable[[], None] = nothing
    with_snapshot: bool = True


def outcome_of(
    run: Restore, session: Session, command: tuple[str, ...], *, resumed: bool, sent: bool, adopted: bool = False
) -> RestoreOutcome:
    """Return what a restore did, or would do, from what it has gathered."""
    return RestoreOutcome(
        session=session,
        launch_command=command,
        runtime_handle=session.runtime_handle,
        resumed=resumed,
        prompt_sent=sent,
        adopted=adopted,
        evidence=dict(run.evidence),
        warnings=tuple(run.warnings),
    )
