"""``rouser discover``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rouser.cli.filters import as_filter, filtered

if TYPE_CHECKING:
    from rouser.discover import Found

_HEADERS = ("ID", "AGENT", "STATE", "BRANCH", "ACTIVE", "DIRECTORY", "FIRST WORDS")
_LEAST_ID = 8


@click.command(
    "discover",
    epilog="""\b
Examples:
  rouser discover
  rouser discover --directory . --since all
  rouser discover --dead --json""",
)
@filtered
@click.option("--json", "as_json", is_flag=True, help="Print an array of conversations as JSON.")
def command(as_json: bool, **filters: Any) -> None:
    """List the conversations on this machine that no session owns, newest first.

    They are read from the agents' own records, whoever started them. `rouser adopt` makes sessions of them.
    """
    from rouser.cli.output import write_json
    from rouser.cli.state import opened
    from rouser.discover import discover

    with opened() as state:
        found = discover(state.host, state.store.sessions(), as_filter(filters), state.config.minimum_evidence)
    if as_json:
        write_json([_fields(item) for item in found])
    else:
        _show(found, everything=filters["since"] is None)


def _fields(item: Found) -> dict[str, Any]:
    conversation = item.conversation
    return {
        "id": conversation.id,
        "agent": item.agent,
        "alive": item.alive,
        "pid": conversation.pid,
        "directory": str(conversation.directory),
        "branch": conversation.branch,
        "last_activity": conversation.last_activity.isoformat(),
        "first_words": conversation.first_words,
    }


def _show(found: Sequence[Found], *, everything: bool) -> None:
    from rouser.cli.fields import age
    from rouser.cli.output import say, table
    from rouser.store import now

    older = "" if everything else " Older ones: rouser discover --since all"
    if not found:
        say(f"no conversation is without a session.{older}")
        return
    moment = now()
    shown = _short_ids([item.conversation.id for item in found])
    rows = [
        [
            short,
            item.agent,
            "live" if item.alive else "dead",
            item.conversation.branch or "",
            age(item.conversation.last_activity, moment),
            _from_home(item.conversation.directory),
            item.conversation.first_words,
        ]
        for short, item in zip(shown, found, strict=True)
    ]
    table(_HEADERS, rows, elastic="FIRST WORDS")
    count = "1 conversation" if len(found) == 1 else f"{len(found)} conversations"
    say(f"{count} without a session: rouser adopt {shown[0]}, or rouser adopt --all.{older}")


def _short_ids(ids: Sequence[str]) -> list[str]:
    """Return each id cut to the shortest length, at least eight, at which all of them differ."""
    longest = max(map(len, ids))
    length = next(
        (size for size in range(_LEAST_ID, longest) if len({text[:size] for text in ids}) == len(ids)), longest
    )
    return [text[:length] for text in ids]


def _from_home(directory: Path) -> str:
    home = Path.home()
    return f"~/{directory.relative_to(home)}".removesuffix("/.") if directory.is_relative_to(home) else str(directory)
