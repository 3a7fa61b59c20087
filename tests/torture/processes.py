"""Stubborn agents: deaf to signals, with children and daemons, holding the terminal, stopped, or dead and unburied."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from support.waiting import wait_for
from support.world import World, new_world

from torture.crowding import timed
from torture.forked import once, warm_up
from torture.runners import all_runners, runners
from torture.spreading import side_by_side
from torture.tally import Tally

TITLE = "stubborn processes: gone within 5 s, children too"

GONE = "Whatever an agent does against it, it and all that it started are gone at most 5 s after `rouser kill` began"
UNBURIED = "A process that has ended counts as dead, even while nobody has taken note of its end"

_SECONDS = 5.0
_ROUNDS = 5
_RUNTIMES = ("tmux", "process")
_DEAF = "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 3, 13, 15, 20, 21, 22)]; "
_UP = "print('up', flush=True); "
_WAIT = "[time.sleep(1) for _ in iter(int, 1)]"

AGENTS = {
    "ignores every signal that can be ignored": _DEAF + _UP + _WAIT,
    "has children that ignore signals": f"import os; {_DEAF}[os.fork() for _ in range(3)]; {_UP}{_WAIT}",
    "has children in sessions of their own": f"import os; {_DEAF}os.fork() or os.setsid(); {_UP}{_WAIT}",
    "has a daemon": f"import os; {_DEAF}os.fork() or (os.setsid(), os.fork() and os._exit(0)); {_UP}{_WAIT}",
    "left its children before it was asked": (
        f"import os; {_DEAF}child = os.fork()\nif not child:\n os.fork()\n os.setsid() if os.getpid() != child else 0\n"
        f"{_UP}{_WAIT}"
    ),
    "holds the terminal": f"import os; tty = os.open('/dev/tty', os.O_RDWR); os.fork(); {_DEAF}{_UP}{_WAIT}",
    "floods the terminal": f"import os; {_DEAF}os.fork()\nwhile True: os.write(1, b'x' * 65536)",
    "reads nothing in raw mode": f"import tty; tty.setraw(0); {_DEAF}{_UP}{_WAIT}",
    "stands still": f"import os, signal; {_DEAF}{_UP}os.kill(os.getpid(), signal.SIGSTOP); {_WAIT}",
    "has children that stand still": (
        f"import os, signal; {_DEAF}os.fork() or os.kill(os.getpid(), signal.SIGSTOP); {_UP}{_WAIT}"
    ),
    "has zombies": f"import os; {_DEAF}[os.fork() or os._exit(0) for _ in range(3)]; {_UP}{_WAIT}",
    "forks again and again": (
        "import os, time\n" + _DEAF + _UP + "time.sleep(1)\n"
        "for _ in range(200):\n if os.fork(): os._exit(0)\n time.sleep(0.2)\n"
    ),
    "starts another on each signal": (
        "import os, signal, time\n"
        "def again(*_):\n if not os.fork(): signal.signal(15, signal.SIG_IGN)\n"
        f"signal.signal(1, again); signal.signal(15, again)\n{_UP}{_WAIT}"
    ),
}


def run(tally: Tally, quick: bool) -> None:
    """Kill each agent in each runtime, again and again; in a quick run every second one in each."""
    rounds = 1 if quick else _ROUNDS
    names = list(AGENTS)
    halves = [(runtime, names[half::2]) for half in (0, 1) for runtime in _RUNTIMES[:: -1 if half else 1]]
    pieces: list[Callable[[Tally], None]] = [
        partial(_kill_each, runtime, chosen, rounds) for runtime, chosen in (halves[::2] if quick else halves)
    ]
    side_by_side(tally, [*pieces, partial(_unburied, rounds)])


def _world(runtime: str) -> World:
    world = new_world()
    world.extra.update(ROUSER_RUNTIME=runtime, ROUSER_PROCESS_DIRECTORY=str(world.root / "p"))
    warm_up(world)
    return world


def _end(world: World) -> None:
    for pid in all_runners(world.root):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    world.end()


def _kill_each(runtime: str, names: list[str], rounds: int, tally: Tally) -> None:
    world = _world(runtime)
    try:
        for name in names:
            for _ in range(rounds):
                _kill(tally, world, f"{runtime}: an agent that {name}", AGENTS[name])
    finally:
        _end(world)


def _kill(tally: Tally, world: World, where: str, source: str) -> None:
    done = once(world, "spawn", "", "--json", "--", sys.executable, "-S", "-E", "-c", source)
    if done.code:
        tally.case(GONE, f"{where}: cannot be spawned: {done.err}")
        return
    identity = done.json["id"]
    if _UP in source:
        wait_for(lambda: "up" in once(world, "logs", identity).out, f"{where} is up")
    with timed() as clock:
        done = once(world, "kill", identity)
    left = runners(identity)
    said = f"{where}: kill ended with {done.code}, {len(left)} run: {done.err.strip()}"
    tally.check_in_time(GONE, not done.code and not left, clock, _SECONDS, said)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    once(world, "rm", "--force", identity)


def _unburied(rounds: int, tally: Tally) -> None:
    """Kill an agent whose parent stands still and so does not take note of it, and ask whether it lives."""
    world = _world("process")
    try:
        for number in range(rounds):
            done = once(world, "spawn", "", "--json", "--", "/bin/cat")
            identity = done.json["id"]
            (agent,) = [pid for pid in runners(identity) if _name(pid) == "cat"]
            parent = int(_stat(agent)[1])
            os.kill(parent, signal.SIGSTOP)
            os.kill(agent, signal.SIGKILL)
            wait_for(lambda agent=agent: _stat(agent)[0] == "Z", "the agent is a zombie")
            seen = {item["id"]: item["alive"] for item in once(world, "ls", "--json").json}
            tally.check(UNBURIED, seen[identity] is False, f"round {number}: alive {seen[identity]}")
            os.kill(parent, signal.SIGCONT)
            once(world, "rm", "--force", identity)
    finally:
        _end(world)


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()
