"""``rouser ls``."""

from __future__ import annotations

import click


@click.command("ls")
@click.option("--project", help="Only sessions of this project.")
@click.option("--status", help="Only sessions of this status, as it is found to be.")
@click.option("--all", "everything", is_flag=True, help="Also sessions that have been over for long.")
@click.option("--no-probe", is_flag=True, help="Show the records as they are, without asking whether agents are alive.")
@click.option("--json", "as_json", is_flag=True, help="Print an array of sessions as JSON.")
def command(project: str | None, status: str | None, everything: bool, no_probe: bool, as_json: bool) -> None:
    """List sessions and tell which are alive.

    A session whose runtime is gone is shown as terminated, whatever its record says. When a runtime does
    not answer, what the record says is shown, and a line below says so.

    Sessions that were killed, merged or done more than `archive_after` days ago are left out; they stay on
    record, and every command finds them by id or name.
    """
    from datetime import timedelta

    from rouser.cli.fields import view_fields
    from rouser.cli.output import write_json
    from rouser.cli.state import opened
    from rouser.liveness import Liveness, SessionView, view_all, with_notes
    from rouser.store import now

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
        from rouser.cli.listing import show_listing

        show_listing(views, probed=not no_probe, archived=store.count() - len(stored))
