"""``rouser doctor``."""

from __future__ import annotations

from pathlib import Path

import click

from rouser.models import Diagnosis


@click.command("doctor")
@click.option(
    "--salvage",
    "target",
    type=click.Path(path_type=Path),
    help="Save what is readable of a damaged database into a new file, and look at nothing else.",
)
@click.option("--json", "as_json", is_flag=True, help="Print an array of findings as JSON.")
def command(target: Path | None, as_json: bool) -> None:
    """Check the state directory, the database, every plugin, and look for what no session owns.

    Exits with 1 when something is not as it should be; each finding says how to mend it.
    """
    from rouser.cli.output import printable, write_json
    from rouser.cli.state import opened
    from rouser.doctor import examine

    if target is not None:
        _salvage(target, as_json=as_json)
        return
    with opened() as state:
        findings = examine(state.host, state.store, state.config)
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
            click.echo(printable(f"{_mark(item)} {item.subject:<{width}}  {item.message}"))
            if item.remedy:
                click.echo(printable(f"  {'':<{width}}  {item.remedy}"))
    if not all(item.ok for item in findings):
        raise SystemExit(1)


def _mark(finding: Diagnosis) -> str:
    if not finding.ok:
        return "✗"
    return "–" if finding.remedy else "✓"  # noqa: RUF001  # a dash


def _salvage(target: Path, *, as_json: bool) -> None:
    from rouser.cli.output import say, write_json
    from rouser.paths import state_directory
    from rouser.salvage import salvage
    from rouser.store import Store

    source = Store(state_directory()).path
    saved = salvage(source, target.absolute())
    say(f"saved {saved.sessions} sessions and {saved.history} lines of history from {source} in {target}")
    for lost in saved.lost:
        say(f"lost: the record of session {lost}")
    say(f"if that is what you want, move {source} away, with -wal and -shm beside it, and {target} in its place")
    if as_json:
        write_json({"sessions": saved.sessions, "history": saved.history, "lost": list(saved.lost)})
