"""``rouser snapshot``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rouser.completion import complete_session

if TYPE_CHECKING:
    from rouser.cli.state import State
    from rouser.errors import RouserError
    from rouser.models import Session


@click.command(
    "snapshot",
    epilog="""\b
Examples:
  rouser snapshot login
  rouser snapshot --all""",
)
@click.argument("sessions", metavar="ID...", nargs=-1, shell_complete=complete_session)
@click.option("--all", "everything", is_flag=True, help="Take one of every session whose workspace can be kept.")
@click.option("--json", "as_json", is_flag=True, help="Print an array with one object for each session as JSON.")
def command(sessions: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Keep the uncommitted work of sessions, untracked files included, whether or not their agents run.

    Nothing of the workspace is touched: not its files, nor its index, nor its stash. A session of which nothing
    has changed since its newest snapshot gets no other.
    """
    from rouser.cli.output import say, write_json
    from rouser.cli.state import opened
    from rouser.errors import PartialFailureError, RouserError

    if everything == bool(sessions):
        raise click.UsageError("name the sessions, or give --all")
    failures: list[RouserError] = []
    objects: list[dict[str, Any]] = []
    with opened() as state:
        for text in _keeping(state) if everything else list(dict.fromkeys(sessions)):
            try:
                objects.append({**_take(state, text), "error": None})
            except RouserError as error:
                if len(sessions) == 1 and not as_json:
                    raise
                failures.append(error)
                failed = {"kind": error.kind, "message": str(error)}
                objects.append({"session": text, "snapshot": None, "error": failed})
                say(f"error: {error}")
    if as_json:
        write_json(objects)
    if failures:
        raise SystemExit(failures[0].exit_code if len(sessions) == 1 else PartialFailureError.exit_code)


def _keeping(state: State) -> list[str]:
    """Return the sessions that have a workspace of a kind that keeps snapshots, or one that is not known."""
    from rouser.errors import PluginError
    from rouser.providers import workspace_of

    def may_keep(session: Session) -> bool:
        try:
            return workspace_of(state.host, session).keeps_snapshots
        except PluginError:
            return True

    return [one.id for one in state.store.sessions() if one.workspace_path is not None and may_keep(one)]


def _take(state: State, text: str) -> dict[str, Any]:
    from rouser.cli.output import say
    from rouser.cli.snapshots import snapshot_fields, sum_up
    from rouser.keeping import snapshot

    session, taken = snapshot(state.host, state.store, text, "rouser snapshot")
    label = session.name or session.short_id
    say(f"{label}  nothing new" if taken is None else f"{label}  {sum_up(taken)}")
    return {"session": session.id, "snapshot": None if taken is None else snapshot_fields(taken)}
