"""``rouser kill``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rouser.completion import complete_session

if TYPE_CHECKING:
    from rouser.cli.state import State
    from rouser.models import Session


@click.command("kill")
@click.argument("sessions", metavar="ID...", nargs=-1, required=True, shell_complete=complete_session)
@click.option("--json", "as_json", is_flag=True, help="Print an array of the sessions as JSON.")
def command(sessions: tuple[str, ...], as_json: bool) -> None:
    """End sessions' agents; workspace, work and conversation stay, and `rouser restore` brings them back.

    Once the agents have ended, a snapshot of the uncommitted work of each is taken.
    """
    from rouser.cli.batch import for_each
    from rouser.cli.state import opened, outlive_terminal
    from rouser.control import kill

    killed: list[Session] = []

    def end(text: str) -> Session:
        killed.append(kill(state.host, state.store, text))
        return killed[-1]

    outlive_terminal()
    with opened() as state:
        try:
            code = for_each(sessions, end, done="killed", as_json=as_json, jobs=state.config.jobs)
        finally:
            _keep(state, killed)
    raise SystemExit(code)


def _keep(state: State, killed: list[Session]) -> None:
    """Take snapshots when all agents have ended: it can delay no kill, and the files are quiet."""
    from rouser.cli.output import say
    from rouser.errors import RouserError, SnapshotError
    from rouser.keeping import snapshot

    for session in killed:
        try:
            snapshot(state.host, state.store, session.id, "after kill")
        except SnapshotError:
            continue  # its workspace is of a kind that keeps none
        except RouserError as error:
            say(f"warning: no snapshot of {session.short_id}: {error}")
