"""``rouser ls`` with many live sessions, and with thousands that are over."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from bench.figures import Limit
from bench.process import IMPORT_CLICK, ROUSER, run
from bench.rounds import Work
from bench.world import World

TITLE = "rouser ls, 100 live sessions"
ROUNDS = 20
LIVE = 100
STORED = 10_000
LIMITS = (
    Limit("rouser ls", "import click", 1.7),
    Limit("rouser ls --json, 10,000 stored", "rouser ls --json", 2.0),
    Limit("rouser ls --all --json, 10,000 stored", "rouser ls --json"),
    Limit("tmux list-sessions", "import click"),
)


def works(scratch: Path, stack: ExitStack) -> Mapping[str, Work]:
    """Return what takes turns."""
    world = World(scratch, stack, sessions=LIVE)
    world.rouser("restore", "--all")
    world.require_alive(LIVE)
    many = scratch / "many"
    shutil.copytree(world.home, many)
    path = {"PYTHONPATH": str(Path(__file__).parents[1])}
    run(
        [sys.executable, "-m", "bench.over", str(many), str(world.repository), str(STORED - LIVE)],
        world.environment | path,
    )
    crowded = world.environment | {"ROUSER_HOME": str(many)}
    return {
        "import click": Work(run=lambda: run(IMPORT_CLICK, world.environment)),
        "tmux list-sessions": Work(
            run=lambda: run(["tmux", "-S", str(world.socket), "list-sessions", "-F", "#S"], world.environment)
        ),
        "rouser ls": Work(run=lambda: world.rouser("ls")),
        "rouser ls --json": Work(run=lambda: world.rouser("ls", "--json")),
        "rouser ls --json, 10,000 stored": Work(run=lambda: run([ROUSER, "ls", "--json"], crowded)),
    }
