"""Commands that need no session."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from bench.figures import Limit
from bench.process import IMPORT_CLICK, IMPORT_NOTHING, ROUSER, run
from bench.rounds import Work
from bench.world import World

TITLE = "commands that need no session"
ROUNDS = 30
LIMITS = (
    Limit("rouser --version", "import click", 1.3),
    Limit("rouser --help", "import click", 1.3),
    Limit("completion", "import click", 1.3),
    Limit("completion of an id, 100 stored", "import click"),
)


def works(scratch: Path, stack: ExitStack) -> Mapping[str, Work]:
    """Return what takes turns."""
    world = World(scratch, stack, sessions=100)
    words = world.environment | {"_ROUSER_COMPLETE": "bash_complete"}
    return {
        "python": Work(run=lambda: run(IMPORT_NOTHING, world.environment)),
        "import click": Work(run=lambda: run(IMPORT_CLICK, world.environment)),
        "rouser --version": Work(run=lambda: world.rouser("--version")),
        "rouser --help": Work(run=lambda: world.rouser("--help")),
        "completion": Work(run=lambda: run([ROUSER], words | {"COMP_WORDS": "rouser re", "COMP_CWORD": "1"})),
        "completion of an id, 100 stored": Work(
            run=lambda: run([ROUSER], words | {"COMP_WORDS": "rouser restore a", "COMP_CWORD": "2"})
        ),
    }
