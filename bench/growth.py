"""One session among many: 10,000 stored and 1,000 live, against 100 stored and 10 live."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.figures import Limit
from bench.process import ROUSER, run
from bench.rounds import Work
from bench.world import AGENT, World

TITLE = "one session among 10,000 stored and 1,000 live, and among 100 stored and 10 live"
ROUNDS = 10
FEW, MANY = "10 live of 100", "1,000 live of 10,000"
SIZES = {FEW: (10, 100), MANY: (1_000, 10_000)}
"""How many sessions live, and how many are stored, by what the size is called."""

_LISTING = "ls --json"
_ADD = "git worktree add"
_ONE = ("show", "completion of an id", "spawn", "restore")
LIMITS = (
    *(Limit(f"{what}, {MANY}", f"{what}, {FEW}", 2.0) for what in _ONE),
    Limit(f"{_ADD}, {MANY}", f"{_ADD}, {FEW}"),
    Limit(f"{_LISTING}, {MANY}", f"{_LISTING}, {FEW}"),
    Limit(f"{_LISTING}, {MANY}", f"tmux list-panes, {MANY}"),
)


def works(scratch: Path, stack: ExitStack) -> Mapping[str, Work]:
    """Return what takes turns."""
    return {
        f"{what}, {size}": work
        for number, (size, (live, stored)) in enumerate(SIZES.items())
        for what, work in _works(_world(scratch / str(number), stack, live, stored), live)
    }


def _world(directory: Path, stack: ExitStack, live: int, stored: int) -> World:
    directory.mkdir()
    world = World(directory, stack, sessions=live)
    path = {"PYTHONPATH": str(Path(__file__).parents[1])}
    over = [sys.executable, "-m", "bench.over", str(world.home), str(world.repository), str(stored - live)]
    run(over, world.environment | path)
    world.rouser("restore", "--all")
    world.require_alive(live)
    return world


def _works(world: World, live: int) -> Iterator[tuple[str, Work]]:
    name = world.tmux("list-sessions", "-F", "#S").split()[0]
    words = world.environment | {"_ROUSER_COMPLETE": "bash_complete", "COMP_CWORD": "2"}
    words["COMP_WORDS"] = f"rouser show {name[:7]}"
    spawned = ("spawn", "", "--repo", str(world.repository), "--name", "new", "--agent", "command", "--", *AGENT)
    alive = partial(world.require_alive, live)
    yield "show", Work(run=lambda: world.rouser("show", name, "--json"))
    yield "completion of an id", Work(run=lambda: run([ROUSER], words))
    yield "spawn", Work(run=lambda: world.rouser(*spawned), after=lambda: world.rouser("rm", "--force", "new"))
    yield _ADD, _added(world)
    yield "restore", Work(before=_ended(world, name), run=lambda: world.rouser("restore", name), after=alive)
    yield _LISTING, Work(run=lambda: world.rouser("ls", "--json"))
    yield (
        "tmux list-panes",
        Work(run=lambda: run(["tmux", "-S", str(world.socket), "list-panes", "-a"], world.environment)),
    )


def _ended(world: World, name: str) -> Callable[[], None]:
    def end() -> None:
        world.tmux("kill-session", "-t", f"={name}")

    return end


def _added(world: World) -> Work:
    """Return what of a spawn is git's own work, which looks at all worktrees."""
    git = ("git", "-C", str(world.repository))
    place = str(world.root / "beside")

    def remove() -> None:
        run([*git, "worktree", "remove", place], world.environment)
        run([*git, "branch", "--quiet", "-D", "beside"], world.environment)

    return Work(
        run=lambda: run([*git, "worktree", "add", "--quiet", "-b", "beside", place], world.environment), after=remove
    )
