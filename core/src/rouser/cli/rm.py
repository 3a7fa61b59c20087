"""``rouser rm``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rouser.completion import complete_session

if TYPE_CHECKING:
    from rouser.models import Session


@click.command("rm")
@click.argument("sessions", metavar="ID...", nargs=-1, required=True, shell_complete=complete_session)
@click.option("--force", is_flag=True, help="End a live agent, and remove work that is neither committed nor pushed.")
@click.option("--keep-workspace", is_flag=True, help="Remove only the record; leave the files where they are.")
@click.option("--no-snapshot", is_flag=True, help="Don't keep the uncommitted work first.")
@click.option("--json", "as_json", is_flag=True, help="Print an array of the removed sessions as JSON.")
def command(sessions: tuple[str, ...], force: bool, keep_workspace: bool, no_snapshot: bool, as_json: bool) -> None:
    """Remove sessions and their workspaces; refuses to lose work unless forced.

    Before a workspace goes, a snapshot of its uncommitted work is taken; snapshots outlive their session.
    """
    from rouser.cli.batch import for_each
    from rouser.cli.output import say
    from rouser.cli.state import opened, outlive_terminal
    from rouser.control import remove

    def end(text: str) -> Session:
        session = remove(
            state.host, state.store, text, force=force, keep_workspace=keep_workspace, snapshot=not no_snapshot
        )
        kept = [entry.detail for entry in state.store.history(session.id) if entry.event == "snapshot"]
        if kept:
            left_out = kept[-1].get("left_out") or []
            without = f", without {left_out[0]}" if left_out else ""
            more = f" and {len(left_out) - 1} more" if len(left_out) > 1 else ""
            number = kept[-1]["number"]
            say(f"its work is kept as snapshot {number}{without}{more}. See: rouser snapshots {session.short_id}")
        return session

    outlive_terminal()
    with opened() as state:
        code = for_each(sessions, end, done="removed", as_json=as_json)
    raise SystemExit(code)
