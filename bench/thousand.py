"""A thousand sessions, restored after their tmux server was killed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from bench import many
from bench.figures import MEMORY, Limit
from bench.rounds import Work

TITLE = "restore --all of 1,000 sessions after the tmux server was killed"
ROUNDS = 3
COUNT = 1000
LIMITS = (
    Limit("rouser restore --all", "plain tmux", 1.3),
    Limit("rouser restore --all", "import click", 4, quantity=MEMORY),
)


def works(scratch: Path, stack: ExitStack) -> Mapping[str, Work]:
    """Return what takes turns."""
    return many.works(scratch, stack, COUNT, peer=False)
