"""A hundred sessions, restored after their tmux server was killed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench import peers
from bench.figures import MEMORY, Limit
from bench.machine import tmuxp
from bench.process import IMPORT_CLICK, run
from bench.rounds import Work
from bench.world import World

TITLE = "restore --all of 100 sessions after the tmux server was killed"
ROUNDS = 7
COUNT = 100
LIMITS = (
    Limit("rouser restore --all", "plain tmux", 1.3),
    Limit("rouser restore --all", "tmuxp load", 0.08),
    Limit("rouser restore --all", "import click", quantity=MEMORY),
)


def works(scratch: Path, stack: ExitStack, count: int = COUNT, *, peer: bool = True) -> Mapping[str, Work]:
    """Return what takes turns."""
    world = World(scratch, stack, sessions=count)
    places = world.places()

    def done() -> None:
        world.require_alive(count)
        world.kill_server()

    work = partial(Work, before=world.kill_server, after=done)
    measured = {
        "import click": Work(run=lambda: run(IMPORT_CLICK, world.environment)),
        "plain tmux": work(run=lambda: peers.plain_tmux(world, places)),
        "rouser restore --all": work(run=lambda: world.rouser("restore", "--all")),
    }
    if peer and tmuxp().exists():
        files = peers.tmuxp_files(world, places)
        measured["tmuxp load"] = work(run=lambda: peers.tmuxp_load(world, files))
    return measured
