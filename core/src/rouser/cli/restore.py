"""``rouser restore``."""

from __future__ import annotations

import click

from rouser.completion import complete_session


@click.command(
    "restore",
    epilog="""\b
Examples:
  rouser restore a90
  rouser restore --all --dry-run
  rouser restore --all""",
)
@click.argument("sessions", metavar="ID...", nargs=-1, shell_complete=complete_session)
@click.option("--all", "everything", is_flag=True, help="Restore every session that died without being asked to.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and why; change nothing.")
@click.option("--force", is_flag=True, help="Restore even if it is unknown whether the agent still runs.")
@click.option(
    "--no-snapshot", is_flag=True, help="Leave a recreated workspace without the work of its latest snapshot."
)
@click.option("--jobs", type=click.IntRange(1, 256), help="How many sessions to restore at a time.  [default: 16]")
@click.option("--json", "as_json", is_flag=True, help="Print an array with one object for each session as JSON.")
def command(
    sessions: tuple[str, ...],
    everything: bool,
    dry_run: bool,
    force: bool,
    no_snapshot: bool,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Bring terminated sessions back: same workspace, same conversation, same name.

    A session that is alive is refused, and so is one of which it is unknown whether it is. The prompt is
    sent again only if the agent never accepted it.
    """
    if everything == bool(sessions):
        raise click.UsageError("name the sessions to restore, or give --all")
    from rouser.cli.restoring import restore_sessions

    restore_sessions(
        sessions=sessions,
        everything=everything,
        dry_run=dry_run,
        force=force,
        no_snapshot=no_snapshot,
        jobs=jobs,
        as_json=as_json,
    )
