"""``rouser rm``."""

from __future__ import annotations

import click

from rouser.completion import complete_session


@click.command("rm")
@click.argument("sessions", metavar="ID...", nargs=-1, required=True, shell_complete=complete_session)
@click.option("--force", is_flag=True, help="End a live agent, and remove work that is neither committed nor pushed.")
@click.option("--keep-workspace", is_flag=True, help="Remove only the record; leave the files where they are.")
@click.option("--json", "as_json", is_flag=True, help="Print an array of the removed sessions as JSON.")
def command(sessions: tuple[str, ...], force: bool, keep_workspace: bool, as_json: bool) -> None:
    """Remove sessions and their workspaces; refuses to lose work unless forced."""
    from rouser.cli.batch import for_each
    from rouser.cli.state import opened
    from rouser.control import remove

    with opened() as state:
        code = for_each(
            sessions,
            lambda text: remove(state.host, state.store, text, force=force, keep_workspace=keep_workspace),
            done="removed",
            as_json=as_json,
        )
    raise SystemExit(code)
