"""``rouser logs``."""

from __future__ import annotations

import click

from rouser.completion import complete_session


@click.command("logs")
@click.argument("session", metavar="ID", shell_complete=complete_session)
@click.option("-n", "--lines", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many lines.")
@click.option("--json", "as_json", is_flag=True, help="Print an object with the output as JSON.")
def command(session: str, lines: int, as_json: bool) -> None:
    """Print the last lines of a session's terminal; those that were kept, when its agent has ended."""
    from rouser.cli.output import printable_lines, write_json
    from rouser.cli.state import opened
    from rouser.control import output_of

    with opened() as state:
        record = state.store.find(session)
        output = output_of(state.host, state.store, record.id, lines)
    if as_json:
        write_json({"id": record.id, "output": output})
    elif output:
        click.echo(printable_lines(output.rstrip("\n")))
