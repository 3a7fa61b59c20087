"""``rouser snapshots``: list those of a session, put one back, drop some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rouser.completion import complete_session

if TYPE_CHECKING:
    from rouser.models import Snapshot

_NAMED = 3


class _ListsByDefault(click.Group):
    """A group in which what is no command of its own is a session, whose snapshots are listed."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            return "list", self.commands["list"], args
        return super().resolve_command(ctx, args)


@click.group("snapshots", cls=_ListsByDefault)
def command() -> None:
    """List what was kept of a session's uncommitted work, put it back, or drop it.

    `rouser snapshots ID` lists, as `rouser snapshots list ID` does. The snapshots of a session that was removed
    are still there under its id.
    """


@command.command("list")
@click.argument("session", metavar="ID", shell_complete=complete_session)
@click.option("--json", "as_json", is_flag=True, help="Print an array of snapshots as JSON, newest first.")
def list_(session: str, as_json: bool) -> None:
    """List a session's snapshots, newest first."""
    from rouser.cli.output import say, table, write_json
    from rouser.cli.state import opened
    from rouser.keeping import snapshots

    with opened() as state:
        owner, found = snapshots(state.host, state.store, session)
    if as_json:
        write_json([snapshot_fields(one) for one in found])
        return
    if not found:
        say(f"{owner.short_id} has no snapshots. Take one: rouser snapshot {owner.short_id}")
        return
    rows = [
        [
            str(one.number),
            f"{one.at.astimezone():%Y-%m-%d %H:%M}",
            str(one.files),
            size(one.bytes),
            one.commit[:12],
            one.reason,
        ]
        for one in found
    ]
    table(("NUMBER", "TAKEN", "FILES", "SIZE", "COMMIT", "WHY"), rows, elastic="WHY")
    for one in found[:1]:
        for line in one.left_out:
            say(f"not in snapshot {one.number}: {line}")


@command.command("restore")
@click.argument("session", metavar="ID", shell_complete=complete_session)
@click.argument("number", metavar="[NUMBER]", required=False, type=click.IntRange(1))
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def restore(session: str, number: int | None, as_json: bool) -> None:
    """Put a snapshot, by default the newest, back into the workspace of a session whose agent does not run.

    What is in the workspace now is kept as a snapshot first. Files that the chosen one does not have stay.
    """
    from rouser.cli.output import say, write_json
    from rouser.cli.state import opened
    from rouser.keeping import put_back, spoken

    with opened() as state:
        done = put_back(state.host, state.store, session, number)
    say(f"{done.session.short_id}  put {spoken(done.snapshot)} back")
    if done.before is not None:
        say(f"what was there before is snapshot {done.before.number}")
    for name in done.left:
        say(f"left as it is, since something else is in its place: {name}")
    if as_json:
        write_json(
            {
                "session": done.session.id,
                "snapshot": snapshot_fields(done.snapshot),
                "before": None if done.before is None else snapshot_fields(done.before),
                "left": list(done.left),
            }
        )


@command.command("drop")
@click.argument("session", metavar="ID", shell_complete=complete_session)
@click.argument("numbers", metavar="[NUMBER...]", nargs=-1, type=click.IntRange(1))
@click.option("--keep", type=click.IntRange(0), help="Drop all but that many newest ones.")
def drop(session: str, numbers: tuple[int, ...], keep: int | None) -> None:
    """Drop snapshots, for good: those that are named, or all but the newest."""
    from rouser.cli.output import say
    from rouser.cli.state import opened
    from rouser.keeping import drop

    if bool(numbers) == (keep is not None):
        raise click.UsageError("name the snapshots to drop, or say with --keep how many are to stay")
    with opened() as state:
        dropped = drop(state.host, state.store, session, numbers, keep)
    say(f"dropped {', '.join(map(str, dropped)) or 'none'}")


def snapshot_fields(snapshot: Snapshot) -> dict[str, Any]:
    """Return a snapshot's JSON object."""
    return {
        "number": snapshot.number,
        "commit": snapshot.commit,
        "at": snapshot.at.isoformat(),
        "reason": snapshot.reason,
        "files": snapshot.files,
        "bytes": snapshot.bytes,
        "left_out": list(snapshot.left_out),
    }


def sum_up(snapshot: Snapshot) -> str:
    """Return one line on a snapshot that was just taken."""
    left_out = snapshot.left_out
    words = f"snapshot {snapshot.number}: {snapshot.files} file{'' if snapshot.files == 1 else 's'}"
    words += f", {size(snapshot.bytes)}"
    if left_out:
        words += f" · not in it: {'; '.join(left_out[:_NAMED])}"
    return words + (f"; and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else "")


def size(count: int) -> str:
    """Return a number of bytes as people read it, like ``1.2 kB``."""
    amount, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if amount < 1000:  # noqa: PLR2004 - a step between units
            break
        amount, unit = amount / 1000, larger
    return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"
