"""What the panes of a tmux server inherit from it, learned when the first of many agents is started there.

To start an agent without any of it takes two programs more, and to ask in advance a client more. Whoever knows the
names can unset them instead.
"""

from __future__ import annotations

import os
from typing import Final, NamedTuple

from rouser_tmux.client import Server, clean_environment

ASK: Final = ("show-environment", "-g")
"""The command whose output :func:`learn` takes."""


class Inherited(NamedTuple):
    """What is in the environment of a server's panes.

    :ivar place: socket and pid of the server, as ``TMUX`` begins in them; another server's panes inherit other things.
    :ivar names: of the variables, at least all of those that are there; none but names that a shell can unset.
    """

    place: str
    names: frozenset[str]


_learned: Final[dict[Server, Inherited]] = {}


def known(server: Server) -> Inherited | None:
    """Return what was learned of a server; None when nothing was, or it inherits what no shell can unset."""
    return _learned.get(server)


def learn(server: Server, socket: str, pid: str, printed: str) -> None:
    """Take in what :data:`ASK` printed; values of several lines are too much to be told from variables."""
    names = set()
    for line in printed.splitlines():
        name, has_value, _ = line.removeprefix("-").partition("=")
        is_removed = line.startswith("-")
        if not (name.isascii() and name.isidentifier()) or is_removed == bool(has_value):
            return
        if not is_removed:
            names.add(name)
    # What is new in its sessions comes from the clients that create them, and those are ours.
    of_ours = clean_environment(os.environ).keys()
    _learned[server] = Inherited(f"{socket},{pid}", frozenset(names | of_ours | {"SHELL"}))
