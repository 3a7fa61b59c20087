"""The table of sessions and the hints below it."""

from __future__ import annotations

from collections.abc import Sequence

from rouser.cli.fields import age, short_prefix
from rouser.cli.output import say, table
from rouser.liveness import SessionView, died_unasked
from rouser.models import ActivityState, SessionStatus
from rouser.store import now

_HEADERS = ("ID", "STATUS", "ACTIVITY", "AGENT", "BRANCH", "AGE", "TASK")
_NAMED = ("ID", "NAME", "STATUS", "ACTIVITY", "AGENT", "BRANCH", "AGE", "TASK")


def show_listing(views: Sequence[SessionView], *, probed: bool) -> None:
    """Print sessions as a table, and on standard error what to do about those that died.

    :param probed: whether it was asked which are alive.
    """
    if not views:
        say("no sessions. Start one: rouser spawn TASK, or watch: rouser demo")
        return
    named = any(seen.session.name for seen in views)
    moment = now()
    rows = []
    for seen in views:
        session = seen.session
        name = [session.name or ""] if named else []
        rows.append(
            [
                session.short_id,
                *name,
                session.status,
                _activity(seen),
                session.agent,
                session.branch,
                age(session.created_at, moment),
                session.task,
            ]
        )
    table(_NAMED if named else _HEADERS, rows, elastic="TASK")
    if probed:
        _hint(views)


def _activity(seen: SessionView) -> str:
    if seen.liveness.alive is None:
        return "unknown"
    if not seen.liveness.alive:
        return "-"
    if seen.session.activity is None:
        return "running"
    return {ActivityState.WAITING_INPUT: "waiting"}.get(seen.session.activity, str(seen.session.activity))


def _hint(views: Sequence[SessionView]) -> None:
    ids = [seen.session.id for seen in views]
    dead = [seen for seen in views if died_unasked(seen) and seen.session.status is not SessionStatus.MERGED]
    if dead:
        one = short_prefix(dead[0].session.id, ids)
        count = "1 session" if len(dead) == 1 else f"{len(dead)} sessions"
        say(f"{count} died without being asked to: rouser restore {one}, or rouser restore --all")
    for reason in dict.fromkeys(seen.liveness.reason for seen in views if seen.liveness.alive is None):
        unknown = sum(seen.liveness.alive is None and seen.liveness.reason == reason for seen in views)
        say(f"unknown whether {unknown} of them {'is' if unknown == 1 else 'are'} alive: {reason}")
