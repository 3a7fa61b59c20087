"""One session, restored after its tmux server was killed, with nothing else in it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from bench import peers
from bench.figures import Limit
from bench.machine import tmuxp
from bench.process import IMPORT_CLICK, run
from bench.rounds import Work
from bench.world import World

TITLE = "one restore: the tmux server is down"
ROUNDS = 20
LIMITS = (
    Limit("rouser restore", "tmuxp load", 0.4),
    Limit("rouser restore", "shell script", 4.5),
    Limit("rouser restore", "careful script"),
    Limit("rouser restore", "import click"),
)


def works(scratch: Path, stack: ExitStack) -> Mapping[str, Work]:
    world = World(scratch, stack, sessions=1)
    place = world.places()[0]
    world.rouser("restore", "--all")
    name = world.tmux("list-sessions", "-F", "#S").strip()

    def done() -> None:
        world.require_alive(1)
        world.kill_server()

    measured = {
        "import click": Work(run=lambda: run(IMPORT_CLICK, world.environment)),
        "shell script": Work(before=world.kill_server, run=lambda: peers.shell_script(world, place), after=done),
        "careful script": Work(
            before=world.kill_server, run=lambda: peers.shell_script(world, place, careful=True), after=done
        ),
        "rouser restore": Work(before=world.kill_server, run=lambda: world.rouser("restore", name), after=done),
    }
    if tmuxp().exists():
        files = peers.tmuxp_files(world, [place])
        measured["tmuxp load"] = Work(before=world.kill_server, run=lambda: peers.tmuxp_load(world, files), after=done)
    return measured
