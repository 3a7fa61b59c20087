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
    from rouser.cli.listing import list_sessions

    list_sessions(project=project, status=status, everything=everything, no_probe=no_probe, as_json=as_json)
