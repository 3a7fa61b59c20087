"""The commands that people type all day, run without click.

To import what reads options, explains them and completes them takes a sixth of the time that ``rouser ls`` does. Only
command lines that leave nothing to explain are taken here: known flags, and ids. All others are click's, wrong ones
among them. What is written here also stands with the commands themselves; a test holds the two against each other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Final

# With these in the environment, click does more than run the command.
_OF_CLICK: Final = ("_ROUSER_COMPLETE", "ROUSER_DEBUG")


class Direct:
    """A command that can be run without click.

    A named tuple of this would take a millisecond to make.

    :ivar module: where its function is.
    :ivar function: what the command calls.
    :ivar flags: its flags, each with the parameter that it makes true.
    :ivar everything: the parameter that stands for all sessions, of which one or the other is needed. None: the
        command takes no ids.
    """

    __slots__ = ("everything", "flags", "function", "module")

    def __init__(self, module: str, function: str, flags: Mapping[str, str], everything: str | None = None) -> None:
        self.module = module
        self.function = function
        self.flags = flags
        self.everything = everything


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
        elif direct.everything and word and not word.startswith("-"):
            sessions.append(word)
        else:
            return None
    if direct.everything:
        if bool(sessions) == bool(values.get(direct.everything)):
            return None
        values["sessions"] = tuple(sessions)
    return values
