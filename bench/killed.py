"""One session, restored after its tmux server was killed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from bench import one
from bench.rounds import Work

TITLE = "one restore after the tmux server was killed: tmux, worktree, an agent that needs no prompt"
ROUNDS = one.ROUNDS
LIMITS = one.LIMITS


def works(scratch: Path, stack: ExitStack) -> Mapping[str, Work]:
    """Return what takes turns; nothing else runs in the server."""
    world, name = one.made(scratch, stack)

    def done() -> None:
        world.require_alive(1)
        world.kill_server()

    return one.measured(world, name, before=world.kill_server, after=done)
