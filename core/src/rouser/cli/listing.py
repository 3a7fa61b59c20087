"""Sessions as a table with hints below it, or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from rouser.cli.fields import age, short_prefix, view_fields
from rouser.cli.output import say, table, write_json
from rouser.cli.state import opened
from rouser.liveness import Liveness, SessionView, died_unasked, view_all, with_notes
from rouser.models import ActivityState, SessionStatus
from rouser.store import now

_ONLY_IF_ANY = frozenset({"NAME", "NOTE"})


def list_sessions(
    *,
    project: str | None = None,
    status: str | None = None,
    everything: bool = False,
    no_probe: bool = False,
    as_json: bool = False,
) -> None:
    """Print the sessions as they are found to be.

    :param project: only sessions of this project.
    :param status: only sessions of this status.
    :param everything: also sessions that have been over for long.
    :param no_probe: show the records as they are.
    :param as_json: print JSON in place of a table.
    """
    with opened() as state:
        store, since = state.store, now() - timedelta(days=state.config.archive_after)
        stored = store.sessions() if everything or status is not None else store.current(since)
        sessions = [item for item in stored if project in {None, item.project_id}]
        if no_probe or not sessions:
            nothing = Liveness(alive=None, reason="not asked")
            views = [SessionView(session=item, recorded=item, liveness=nothing) for item in sessions]
        else:
            views = with_notes(state.host, view_all(state.host, sessions))
        views = [seen for seen in views if status in {None, seen.session.status}]
        if as_json:
            write_json([view_fields(seen) for seen in views])
            return
        show_listing(views, probed=not no_probe, archived=store.count() - len(stored))


def show_listing(views: Sequence[SessionView], *, probed: bool, archived: int = 0) -> None:
    """Print sessions as a table, and on standard error what to do about those that died.

    :param probed: whether it was asked which are alive.
    :param archived: how many sessions were left out, as they have been over for long.
    """
    if not views and archived:
        _tell_archived(archived)
        return
    if not views:
        say("no sessions. Start one: rouser spawn TASK, or watch: rouser demo")
        return
    moment = now()
    columns: dict[str, list[str]] = {
        "ID": [seen.session.short_id for seen in views],
        "NAME": [seen.session.name or "" for seen in views],
        "STATUS": [seen.session.status for seen in views],
        "ACTIVITY": [_activity(seen) for seen in views],
        "AGENT": [seen.session.agent for seen in views],
        "BRANCH": [seen.session.branch for seen in views],
        "AGE": [age(seen.session.created_at, moment) for seen in views],
        "NOTE": [seen.note for seen in views],
        "TASK": [seen.session.task for seen in views],
    }
    shown = [header for header, cells in columns.items() if header not in _ONLY_IF_ANY or any(cells)]
    table(shown, list(zip(*(columns[header] for header in shown), strict=True)), elastic="TASK")
    if probed:
        _hint(views, archived)
    if archived:
        _tell_archived(archived)


def _tell_archived(count: int) -> None:
    what = "1 session that has" if count == 1 else f"{count:,} sessions that have"
    say(f"{what} been over for long not shown: rouser ls --all")


def _activity(seen: SessionView) -> str:
    if seen.liveness.alive is None:
        return "unknown"
    if not seen.liveness.alive:
        return "-"
    if seen.session.activity is None:
        return "running"
    return {ActivityState.WAITING_INPUT: "waiting"}.get(seen.session.activity, str(seen.session.activity))


def _hint(views: Sequence[SessionView], archived: int) -> None:
    ids = [seen.session.id for seen in views]
    dead = [seen for seen in views if died_unasked(seen) and seen.session.status is not SessionStatus.MERGED]
    if dead:
        # A shorter prefix could also begin the id of one that is not shown.
        one = dead[0].session.short_id if archived else short_prefix(dead[0].session.id, ids)
        count = "1 session" if len(dead) == 1 else f"{len(dead)} sessions"
        say(f"{count} died without being asked to: rouser restore {one}, or rouser restore --all")
    for reason in dict.fromkeys(seen.liveness.reason for seen in views if seen.liveness.alive is None):
        unknown = sum(seen.liveness.alive is None and seen.liveness.reason == reason for seen in views)
        say(f"unknown whether {unknown} of them {'is' if unknown == 1 else 'are'} alive: {reason}")
