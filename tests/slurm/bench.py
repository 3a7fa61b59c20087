"""A hundred sessions against plain Slurm: ``make bench-slurm``, or ``python -m slurm.bench`` in ``tests``.

All is measured in one run on one private cluster, rouser and plain Slurm in turns; the jobs of both hold a tmux server
with the same agent. Spawning is measured in one process, as a program does that spawns a hundred; all else by the
command.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from slurm.cluster import Cluster, wait_for
from support.world import World

SPAWNERS = 32  # making a hundred worktrees in one repository at a time is no faster
AGENT = 'import os, pathlib, time; pathlib.Path(os.environ["UP"], str(os.getpid())).touch(); time.sleep(3600)'
PLAIN = """#!/bin/sh
export UP={up}
here=$(mktemp -d)
trap 'kill $server; rm -rf $here; exit' TERM
tmux -D -f {root}/none -S $here/s & server=$!
until tmux -N -S $here/s new-session -d 'exec {python} {agent}' 2>/dev/null; do sleep 0.02; done
wait $server
"""


class Bench:
    """One cluster, and a world of rouser's on it.

    :param count: how many sessions.
    """

    def __init__(self, count: int, stack: ExitStack) -> None:
        self.count = count
        self.world = World(Path(tempfile.mkdtemp(prefix="rb-", dir="/tmp")).resolve())
        stack.callback(shutil.rmtree, self.world.root, ignore_errors=True)
        self.world.prepare()
        self.cluster = Cluster(down_after=120)  # no node is lost here, however busy the machine is
        stack.callback(self.cluster.stop)
        self.cluster.start()
        self.up = self.world.root / "up"
        self.up.mkdir()
        (self.world.root / "agent.py").write_text(AGENT)
        (self.world.root / "none").touch()
        self.world.extra = {
            "ROUSER_RUNTIME": "slurm",
            "ROUSER_SLURM_CONF": str(self.cluster.configuration),
            "ROUSER_SLURM_DIRECTORY": str(self.world.root / "slurm"),
            "ROUSER_SLURM_NOTICE_SECONDS": "0",
            "ROUSER_HOOK_TIMEOUT": "120",
            "ROUSER_JOBS": "100",
            "UP": str(self.up),
        }
        self.script = self.world.root / "plain.sh"
        agent = self.world.root / "agent.py"
        self.script.write_text(PLAIN.format(up=self.up, root=self.world.root, python=sys.executable, agent=agent))
        self.jobs: list[str] = []

    def all_up(self) -> None:
        """Wait until all agents run."""
        wait_for(lambda: sum(1 for _ in self.up.iterdir()) >= self.count, "all agents run", seconds=300)

    def all_gone(self) -> None:
        """Wait until the queue is empty."""
        wait_for(lambda: not self.cluster.run("squeue", "-h"), "the queue is empty", seconds=300)

    def forget(self) -> None:
        """Make ready for the next hundred agents."""
        for path in self.up.iterdir():
            path.unlink()

    def plain_start(self) -> None:
        """Submit the jobs one after another, as a shell script does."""
        self.jobs = [
            self.cluster.run("sbatch", "--parsable", "-o/dev/null", str(self.script)) for _ in range(self.count)
        ]
        self.all_up()

    def plain_look(self) -> None:
        """Ask for each job."""
        for job in self.jobs:
            self.cluster.run("squeue", "-h", "-j", job)

    def plain_look_once(self) -> None:
        """Ask for all jobs at once."""
        self.cluster.run("squeue", "-h", "--me")

    def plain_end(self) -> None:
        """Cancel all jobs in one command."""
        self.cluster.run("scancel", *self.jobs)
        self.all_gone()

    def spawn(self) -> None:
        """Spawn the sessions in one process, several at a time."""
        subprocess.run(
            [sys.executable, "-m", "slurm.bench", "--spawn", str(self.count)],
            env={**self.world.environment, "PYTHONPATH": str(Path(__file__).parents[1])},
            cwd=self.world.repository,
            check=True,
            timeout=600,
            stdout=subprocess.DEVNULL,
        )
        self.all_up()

    def look(self) -> None:
        """List the sessions."""
        assert sum(seen["alive"] is True for seen in self.world.ls()) == self.count

    def lose(self) -> None:
        """Cancel the jobs of all sessions behind rouser's back."""
        self.cluster.run("scancel", "--me")
        self.all_gone()
        self.forget()

    def restore(self) -> None:
        """Restore all."""
        done = self.world.run("restore", "--all", timeout=600)
        assert done.code == 0, done.err[-2000:]
        self.all_up()

    def kill(self) -> None:
        """Kill all, and wait until the queue is empty; the command itself keeps the work of each after that."""
        ids = [seen["id"] for seen in self.world.ls()]
        begun = time.monotonic()
        process = self.world.start("kill", *ids)
        self.all_gone()
        self.killed = time.monotonic() - begun
        process.communicate(timeout=600)
        assert process.returncode == 0


def spawn_many(count: int) -> None:
    """Spawn sessions in this process, several at a time."""
    from rouser.cli.state import opened
    from rouser.spawn import SpawnRequest, spawn_session

    with opened(Path()) as state:

        def one(number: int) -> None:
            request = SpawnRequest(
                task="",
                repository=Path.cwd(),
                agent="command",
                runtime="slurm",
                workspace="worktree",
                arguments=(sys.executable, str(Path.cwd().parent / "agent.py")),
                name=f"b{number}-{os.getpid()}",
            )
            spawn_session(state.host, state.store, request, state.config)

        with ThreadPoolExecutor(SPAWNERS) as pool:
            list(pool.map(one, range(count)))


def timed(action: Callable[[], None]) -> float:
    """Return the seconds that something takes."""
    begun = time.monotonic()
    action()
    return time.monotonic() - begun


def main() -> int:
    """Measure in turns, print medians and ratios, and return 1 if a ratio is over its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--spawn", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.spawn:
        spawn_many(options.spawn)
        return 0
    seconds: dict[str, list[float]] = {}
    for number in range(options.rounds):
        with ExitStack() as stack:
            bench = Bench(options.count, stack)
            for name in ("plain_start", "plain_look", "plain_look_once", "plain_end"):
                seconds.setdefault(name, []).append(timed(getattr(bench, name)))
            bench.forget()
            for name in ("spawn", "look"):
                seconds.setdefault(name, []).append(timed(getattr(bench, name)))
            bench.lose()
            seconds.setdefault("restore", []).append(timed(bench.restore))
            bench.kill()
            seconds.setdefault("kill", []).append(bench.killed)
        print(
            f"round {number + 1}: " + ", ".join(f"{name} {found[-1]:.2f}" for name, found in seconds.items()),
            flush=True,
        )
    over = False
    print(f"{options.count} sessions, medians of {options.rounds} rounds")
    for work, floor, limit in (
        ("spawn", "plain_start", 2.0),
        ("look", "plain_look", 2.0),
        ("look", "plain_look_once", None),
        ("restore", "plain_start", 2.0),
        ("kill", "plain_end", 2.0),
    ):
        ratio = statistics.median(a / b for a, b in zip(seconds[work], seconds[floor], strict=True))
        over |= limit is not None and ratio > limit
        allowed = f"at most {limit}" if limit else "for information"
        print(
            f"{work:<8} {statistics.median(seconds[work]):7.2f} s ÷ {floor:<16} {statistics.median(seconds[floor]):7.2f} s = {ratio:5.2f} ({allowed})"
        )
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
