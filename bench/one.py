"""One session, restored into a tmux server that others use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench import peers
from bench.figures import Limit
from bench.machine import tmuxp
from bench.process import IMPORT_CLICK, run
from bench.rounds import Work
from bench.world import World

TITLE = "one restore beside other sessions: tmux, worktree, an agent that needs no prompt"
ROUNDS = 20
LIMITS = (
    Limit("rouser restore", "tmuxp load", 0.4),
    Limit("rouser restore", "shell script", 4.5),
    Limit("rouser restore", "careful script"),
    Limit("rouser restore", "import click"),
)


def works(scratch: Path, stack: ExitStack) -> Mapping[str, Work]:
    """Return what takes turns; another session keeps the server up."""
    world, name = made(scratch, stack)
    world.tmux("new-session", "-d", "-s", "other", "cat")
    place = world.places()[0]
    end = partial(world.tmux, "kill-session", "-t", f"={name}")
    end()

    def gone() -> None:
        world.require_alive(0)

    def done() -> None:
        world.require_alive(1)
        end()
        world.tmux("kill-session", "-t", f"={place.name}")

    return measured(world, name, before=gone, after=done)


def made(scratch: Path, stack: ExitStack) -> tuple[World, str]:
    """Return a world with one session that runs, and the session's name."""
    world = World(scratch, stack, sessions=1)
    world.rouser("restore", "--all")
    return world, world.tmux("list-sessions", "-F", "#S").strip()


def measured(world: World, name: str, *, before: Callable[[], None], after: Callable[[], None]) -> Mapping[str, Work]:
    """Return the ways to restore one session.

    :param before: makes sure that it does not run.
    :param after: makes sure that it runs, and ends it.
    """
    place = world.places()[0]
    work = partial(Work, before=before, after=after)
    found = {
        "import click": Work(run=lambda: run(IMPORT_CLICK, world.environment)),
        "shell script": work(run=lambda: peers.shell_script(world, place)),
        "careful script": work(run=lambda: peers.shell_script(world, place, careful=True)),
        "rouser restore": work(run=lambda: world.rouser("restore", name)),
    }
    if tmuxp().exists():
        files = peers.tmuxp_files(world, [place])
        found["tmuxp load"] = work(run=lambda: peers.tmuxp_load(world, files))
    return found
