"""``rouser kill``."""

from __future__ import annotations

import click

from rouser.completion import complete_session


@click.command("kill")
@click.argument("sessions", metavar="ID...", nargs=-1, required=True, shell_complete=complete_session)
@click.option("--json", "as_json", is_flag=True, help="Print an array of the sessions as JSON.")
def command(sessions: tuple[str, ...], as_json: bool) -> None:
    """End sessions' agents; workspace, work and conversation stay, and `rouser restore` brings them back."""
    from rouser.cli.batch import for_each
    from rouser.cli.state import opened
    from rouser.control import kill

    with opened() as state:
        code = for_each(sessions, lambda text: kill(state.host, state.store, text), done="killed", as_json=as_json)
    raise SystemExit(code)
