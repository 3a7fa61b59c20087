"""``rouser ls``."""

from __future__ import annotations

import click


@click.command("ls")
@click.option("--project", help="Only sessions of this project.")
@click.option("--status", help="Only sessions of this status, as it is found to be.")
@click.option("--no-probe", is_flag=True, help="Show the records as they are, without asking whether agents are alive.")
@click.option("--json", "as_json", is_flag=True, help="Print an array of sessions as JSON.")
def command(project: str | None, status: str | None, no_probe: bool, as_json: bool) -> None:
    """List sessions and tell which are alive.

    A session whose runtime is gone is shown as terminated, whatever its record says. When a runtime does
    not answer, what the record says is shown, and a line below says so.
    """
    from rouser.cli.fields import view_fields
    from rouser.cli.output import write_json
    from rouser.cli.state import opened
    from rouser.liveness import Liveness, SessionView, view_all, with_notes

    with opened() as state:
        sessions = [item for item in state.store.sessions() if project in {None, item.project_id}]
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

        show_listing(views, probed=not no_probe)
