"""The same work by other means: a shell script, plain tmux, tmuxp."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from bench.machine import tmuxp
from bench.process import run
from bench.world import AGENT, World

_HERE = Path(__file__).parent


def shell_script(world: World, place: Path, *, careful: bool = False) -> int:
    """Restore one session by the script that one would write by hand.

    :param careful: whether it takes a lock, records what it is about to do, and looks at what it did.
    """
    script = "careful.sh" if careful else "floor.sh"
    record = str(world.root / "record")
    config = str(world.root / "tmux.conf")
    command = ["sh", str(_HERE / script), str(world.socket), config, place.name, str(place), record, *AGENT]
    return run(command, world.environment)


def plain_tmux(world: World, places: Sequence[Path]) -> int:
    """Create a session for each place, one process after another."""
    command = ["sh", str(_HERE / "plain.sh"), str(world.socket), str(world.root / "tmux.conf"), *map(str, places)]
    return run(command, world.environment)


def tmuxp_files(world: World, places: Sequence[Path]) -> list[str]:
    """Write what tmuxp loads, a file for each session."""
    directory = world.root / "tmuxp"
    directory.mkdir(exist_ok=True)
    for place in places:
        pane = {"shell": " ".join(AGENT)}
        window = {"window_name": "agent", "window_shell": " ".join(AGENT), "panes": [pane]}
        document = {"session_name": place.name, "start_directory": str(place), "windows": [window]}
        (directory / f"{place.name}.json").write_text(json.dumps(document))
    return [str(directory / f"{place.name}.json") for place in places]


def tmuxp_load(world: World, files: Sequence[str]) -> int:
    """Load sessions with tmuxp, in one process."""
    return run(
        [str(tmuxp()), "load", "-d", "-y", "-S", str(world.socket), "-f", str(world.root / "tmux.conf"), *files],
        world.environment,
    )
