"""``rouser doctor``."""

from __future__ import annotations

import click


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print an array of findings as JSON.")
def command(as_json: bool) -> None:
    """Check the state directory, the database, every plugin, and look for what no session owns.

    Exits with 1 when something is not as it should be; each finding says how to mend it.
    """
    from rouser.cli.output import printable, write_json
    from rouser.cli.state import opened
    from rouser.doctor import examine

    with opened() as state:
        findings = examine(state.host, state.store)
        state.host.problems.clear()  # they are among the findings
    if as_json:
        write_json(
            [
                {"subject": item.subject, "ok": item.ok, "message": item.message, "remedy": item.remedy or None}
                for item in findings
            ]
        )
    else:
        width = max(len(item.subject) for item in findings)
        for item in findings:
            click.echo(printable(f"{'✓' if item.ok else '✗'} {item.subject:<{width}}  {item.message}"))
            if item.remedy:
                click.echo(printable(f"  {'':<{width}}  {item.remedy}"))
    if not all(item.ok for item in findings):
        raise SystemExit(1)
