"""The commands that people type all day, run without click.

To import what reads options, explains them and completes them takes a sixth of the time that ``rouser ls`` does. Only
command lines that leave nothing to explain are taken here: known flags, and ids. All others are click's, wrong ones
among them. What is written here also stands with the commands themselves; a test holds the two against each other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Final, NamedTuple

# With these in the environment, click does more than run the command.
_OF_CLICK: Final = ("_ROUSER_COMPLETE", "ROUSER_DEBUG")


class Direct(NamedTuple):
    """A command that can be run without click.

    :ivar module: where its function is.
    :ivar function: what the command calls.
    :ivar flags: its flags, each with the parameter that it makes true.
    :ivar takes_sessions: whether it takes ids of sessions.
    :ivar everything: the parameter that stands for all of them, where one or the other is needed.
    """

    module: str
    function: str
    flags: Mapping[str, str]
    takes_sessions: bool = False
    everything: str = ""


DIRECT: Final[Mapping[str, Direct]] = {
    "ls": Direct(
        "rouser.cli.listing",
        "list_sessions",
        {"--all": "everything", "--no-probe": "no_probe", "--json": "as_json"},
    ),
    "restore": Direct(
        "rouser.cli.restoring",
        "restore_sessions",
        {
            "--all": "everything",
            "--dry-run": "dry_run",
            "--force": "force",
            "--no-snapshot": "no_snapshot",
            "--json": "as_json",
        },
        takes_sessions=True,
        everything="everything",
    ),
}


def direct_call(arguments: Sequence[str]) -> Callable[[], object] | None:
    """Return what runs a command line; None for one that only click understands."""
    values = direct_values(arguments)
    if values is None or any(name in os.environ for name in _OF_CLICK):
        return None
    direct = DIRECT[arguments[0]]
    function = getattr(import_module(direct.module), direct.function)
    return lambda: function(**values)


def direct_values(arguments: Sequence[str]) -> dict[str, Any] | None:
    """Return the parameters that a command line gives; None for one that only click understands."""
    direct = DIRECT.get(arguments[0]) if arguments else None
    if direct is None:
        return None
    values: dict[str, Any] = {}
    sessions = []
    for word in arguments[1:]:
        if word in direct.flags:
            values[direct.flags[word]] = True
        elif direct.takes_sessions and word and not word.startswith("-"):
            sessions.append(word)
        else:
            return None
    if direct.takes_sessions:
        if bool(sessions) == bool(values.get(direct.everything)):
            return None
        values["sessions"] = tuple(sessions)
    return values
