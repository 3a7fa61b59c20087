"""``rouser show``."""

from __future__ import annotations

import shlex

import click

from rouser.completion import complete_session


@click.command("show")
@click.argument("session", metavar="ID", shell_complete=complete_session)
@click.option("--json", "as_json", is_flag=True, help="Print the session as JSON.")
def command(session: str, as_json: bool) -> None:
    """Show everything that is known of a session, its history included."""
    from rouser.cli.fields import view_fields
    from rouser.cli.output import printable, write_json
    from rouser.cli.state import opened
    from rouser.liveness import view_all, with_conversation, with_notes

    with opened() as state:
        record = state.store.find(session)
        (seen,) = with_notes(state.host, view_all(state.host, [record]))
        seen = with_conversation(state.host, seen)
        history = state.store.history(record.id)
    fields = {**view_fields(seen), "liveness": seen.liveness.reason}
    if as_json:
        lines = [
            {
                "at": entry.at.isoformat(),
                "event": entry.event,
                "old_status": entry.old_status,
                "new_status": entry.new_status,
                "detail": dict(entry.detail),
            }
            for entry in history
        ]
        write_json({**fields, "history": lines})
        return
    for name, value in fields.items():
        if value not in (None, {}, [], ""):
            click.echo(f"{name.replace('_', ' '):<24}{printable(_words(value))}")
    click.echo()
    for entry in history:
        error = str(entry.detail.get("message") or entry.detail.get("error") or "")
        moved = "" if entry.old_status == entry.new_status else f"{entry.old_status or 'new'} → {entry.new_status}"
        when = entry.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        click.echo(printable(f"{when}  {entry.event:<20} {moved}{'  ' if moved and error else ''}{error}").rstrip())


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_words(item)}" for key, item in value.items() if item not in (None, ""))
    if isinstance(value, list):
        return shlex.join(map(str, value))
    return str(value)
