"""Clocks that jump by ten years, time zones, and a rouser that stands still in the middle of its work."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from support.waiting import wait_for
from support.world import World, new_world, running

from torture.crowding import crowding
from torture.forked import once, warm_up
from torture.runners import all_runners, kill_runners, runners
from torture.servers import stopped
from torture.spreading import side_by_side
from torture.striker import install_striker, steps
from torture.tally import Tally

TITLE = "time: no decision depends on the clock"

CLOCK = "A clock that jumps ten years either way changes no decision: what is alive, restored, sent or removed"
ZONES = "A time zone changes no decision, and records made in one are read in any other"
SUSPENDED = "A rouser that stands still at any step, longer than its deadlines, leaves one agent or none and goes on"

_LIBRARIES = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib64/faketime/libfaketime.so.1")
_JUMPS = ("+10y", "-10y")
_ZONES = ("UTC", "Pacific/Kiritimati", "Pacific/Niue", "America/St_Johns", "<+14>-14", "nonsense")
_SUSPENDED = ("restore", "spawn", "send", "kill")
_AGENT = ("--", "/bin/cat")
# libfaketime moves the moment until which clock_nanosleep(2) is to sleep, even by a clock that it was told not to fake.
_SLEEP_BY_ANOTHER_CALL = """\
import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds) and None
"""


def run(tally: Tally, quick: bool) -> None:
    """Lead sessions through their lives with one clock after another."""
    library = next((str(path) for it in _LIBRARIES for path in Path("/").glob(it[1:])), None)
    pieces = [partial(_zones, zones) for zones in ((_ZONES[-1:],) if quick else (_ZONES[::2], _ZONES[1::2]))]
    pieces += [partial(_suspended, command, quick) for command in _SUSPENDED]
    if library is None:
        tally.skip("clocks that jump: libfaketime is not installed (Debian: faketime)")
    else:
        jumps = [(jump, before) for jump in _JUMPS for before in (False, True)]
        pieces += [partial(_jumps, library, jump, before) for jump, before in jumps[:: 3 if quick else 1]]
    side_by_side(tally, pieces)


@contextmanager
def _world() -> Iterator[World]:
    world = new_world()
    world.extra["ROUSER_HOOK_TIMEOUT"] = "60"  # a busy machine is not what goes wrong here
    try:
        warm_up(world)
        install_striker(world)
        yield world
    finally:
        for pid in all_runners(world.root):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        world.end()


def _life(world: World, first: dict[str, str], then: dict[str, str]) -> list[Any]:
    """Lead a session through its life, with one environment at first and another from then on; return all answers."""
    decisions: list[Any] = []
    spawned = world.run("spawn", "endure", "--json", *_AGENT, env=first)
    decisions.append(("spawn", spawned.code))
    if spawned.code:
        return [*decisions, spawned.err]
    identity = spawned.json["id"]
    for command in (
        ("ls", "--json"),
        ("send", identity, "hello"),
        ("restore", identity),
        ("crash",),
        ("ls", "--json"),
        ("restore", "--all", "--json"),
        ("show", identity, "--json"),
        ("kill", identity),
        ("restore", identity),
        ("rm", identity),
        ("kill", identity),
        ("rm", identity),
        ("ls", "--json"),
    ):
        if command[0] == "crash":
            kill_runners(identity)
            continue
        done = world.run(*command, env=then)
        found = done.json if "--json" in command else None
        items = found if isinstance(found, list) else [found] if found else []
        seen = [(item["status"], item["alive"], (item["prompt"] or {}).get("state")) for item in items]
        decisions.append((command[0], done.code, seen, len(runners(identity))))
    return decisions


def _jumps(library: str, jump: str, before: bool, tally: Tally) -> None:
    """Compare a life whose clock jumps with one whose clock does not."""
    with _world() as world:
        site = world.root / "faked"
        site.mkdir()
        (site / "sitecustomize.py").write_text(_SLEEP_BY_ANOTHER_CALL)
        faked = {
            "LD_PRELOAD": library,
            "FAKETIME": jump,
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": str(site),
        }
        calm = _life(world, {}, {})
        jumped = _life(world, faked, {}) if before else _life(world, {}, faked)
        where = f"{jump}, {'back' if before else 'there'}"
        _compare(tally, CLOCK, where, calm, jumped)


def _compare(tally: Tally, promise: str, where: str, calm: list[Any], other: list[Any]) -> None:
    tally.check(promise, len(calm) == len(other), f"{where}: {other}")
    for expected, found in zip(calm, other, strict=False):
        tally.check(promise, expected == found, f"{where}: {found} where it is {expected}")


def _zones(zones: tuple[str, ...], tally: Tally) -> None:
    with _world() as world:
        calm = _life(world, {}, {})
        for zone in zones:
            other = _life(world, {"TZ": "Asia/Kathmandu"}, {"TZ": zone})
            _compare(tally, ZONES, zone, calm, other)


def _suspended(command: str, quick: bool, tally: Tally) -> None:
    """Stop rouser itself around each hook of a command, for longer than a hook may take, and let it go on."""
    with _world() as world:
        for step in steps(command)[:: 4 if quick else 1]:
            _stand_still(tally, world, command, step)


def _stand_still(tally: Tally, world: World, command: str, step: str) -> None:
    identity = once(world, "spawn", "endure", "--json", *_AGENT).json["id"]
    if command == "restore":
        kill_runners(identity)
    argv = {"spawn": ["spawn", "endure", *_AGENT], "send": ["send", identity, "hello"]}.get(
        command, [command, identity]
    )
    path = f"{world.root / 'plugins'}{os.pathsep}{Path(__file__).parents[1]}"
    strike = {"STRIKE": step, "STRIKE_RUN": "kill -STOP $PPID", "ROUSER_HOOK_TIMEOUT": "2", "PYTHONPATH": path}
    process = world.start(*argv, env=strike)
    with suppress(AssertionError):  # not every step is one of each command's
        wait_for(lambda: not running(process.pid) or stopped(process.pid), "rouser stands still or has ended")
    if running(process.pid):
        asleep = time.monotonic() + 2.5
        wait_for(lambda: time.monotonic() > asleep, "it stood still for longer than its deadline")
        process.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=60 * crowding())
    where = f"{command}, {step}"
    code = process.returncode
    tally.check(SUSPENDED, 0 <= code < 70 and code != 2, f"{where}: exit code {code}: {err.strip()}")
    for item in once(world, "ls", "--json").json:
        once(world, "restore", item["id"])
        agents = runners(item["id"])
        tally.check(SUSPENDED, len(agents) == 1, f"{where}: {len(agents)} agents run afterwards: {err.strip()}")
        once(world, "rm", "--force", item["id"])
