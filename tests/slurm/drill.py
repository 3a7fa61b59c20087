"""The main job on a cluster, again and again: nodes are lost in every way, and no session is lost or doubled.

Run by ``make test-slurm``, or ``python -m slurm.drill --rounds N`` in ``tests``. Each round has a cluster of its own.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from slurm.cluster import Cluster, pids_of, wait_for
from slurm.witness import AGENT, lives, living, overlaps
from support.world import World

SESSIONS = 10
LEASE_SECONDS = 3


class Round:
    """Ten sessions on two nodes, and what is done to them."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.violations: list[str] = []
        self.looks = 0
        self.world = World(Path(tempfile.mkdtemp(prefix="rd-", dir="/tmp")).resolve())
        self.cluster = Cluster(down_after=6)
        self.witness = self.world.root / "witness"
        self._over = threading.Event()

    def run(self) -> None:
        """Do all of it; what is wrong is in ``violations``."""
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, self.world.root, ignore_errors=True)
            stack.callback(self.cluster.stop)
            self._prepare()
            observer = threading.Thread(target=self._observe)
            ids = self._spawn()
            observer.start()
            try:
                self._lose_nodes(ids)
            finally:
                self._over.set()
                observer.join()
            self._end(ids)

    def _prepare(self) -> None:
        self.world.prepare()
        self.witness.mkdir()
        (self.world.root / "agent.py").write_text(AGENT)
        self.cluster.start()
        self.world.extra = {
            "ROUSER_RUNTIME": "slurm",
            "ROUSER_SLURM_CONF": str(self.cluster.configuration),
            "ROUSER_SLURM_DIRECTORY": str(self.world.root / "slurm"),
            "ROUSER_SLURM_LEASE_SECONDS": str(LEASE_SECONDS),
            "ROUSER_HOOK_TIMEOUT": "40",
            "WITNESS": str(self.witness),
        }

    def _spawn(self) -> list[str]:
        def spawn(number: int) -> str:
            arguments = ("spawn", "", "--name", f"s{number}", "--json", "--", *self.world.agent)
            return str(self.world.ok(*arguments).json["id"])

        with ThreadPoolExecutor(3) as pool:
            ids = list(pool.map(spawn, range(SESSIONS)))
        wait_for(lambda: all(living(self.witness, session) for session in ids), "all agents live", seconds=120)
        return ids

    def _lose_nodes(self, ids: list[str]) -> None:
        killed = ids[0]
        self.world.ok("kill", killed)
        wanted = set(ids) - {killed}
        self._lose(wanted, self._on("n1"), lambda: self.cluster.kill("n1"), "slurmd of n1 killed")
        self.cluster.start_node("n1")
        wait_for(lambda: self.cluster.states().get("n1") == "idle", "n1 is back", self.cluster.describe, 60)
        on_second = self._on("n2")
        self._lose(wanted, on_second, self._stop_for_a_while, "slurmd of n2 stopped, then continued")
        self._restart_controller(wanted)
        if living(self.witness, killed):
            self.violations.append(f"{killed[:8]} was killed by its user and lives again")

    def _lose(self, wanted: set[str], lost: set[str], accident: Any, what: str) -> None:
        """Lose a node; those on it must come back, the others must not be touched."""
        lost &= wanted
        before = {session: living(self.witness, session) for session in wanted}
        accident()
        wait_for(lambda: self._dead() >= lost, f"{what}: its sessions are seen to be gone", self._explain, 90)
        answer = self.world.run("restore", "--all", "--json", timeout=180)
        restored = {item["id"] for item in answer.json if item["error"] is None}
        if restored != lost or answer.code:
            self.violations.append(
                f"{what}: {len(lost)} died, {len(restored)} were restored: {answer.err.strip()[-600:]}"
            )
        with suppress(AssertionError):  # a restore returns when the agent was started, before it has left a trace
            wait_for(lambda: all(living(self.witness, session) for session in wanted), "all live again", seconds=60)
        for session in wanted:
            now = living(self.witness, session)
            if len(now) != 1 or (now != before[session]) != (session in lost):
                self.violations.append(f"{what}: {session[:8]} had {before[session]}, now has {now}")

    def _stop_for_a_while(self) -> None:
        self.cluster.stop_node("n2")
        wait_for(lambda: self.cluster.states().get("n2", "").startswith("down"), "n2 is down", self._explain, 90)
        self.cluster.continue_node("n2")
        wait_for(lambda: self.cluster.states().get("n2") in {"idle", "mix"}, "n2 is back", self._explain, 60)

    def _restart_controller(self, wanted: set[str]) -> None:
        before = {session: living(self.witness, session) for session in wanted}
        time.sleep(max(0.0, 15 - self._age_of_youngest_job()))  # what it learned last it may not have saved before
        self.cluster.kill("slurmctld")
        views = self.world.ls()
        if any(seen["alive"] is False for seen in views if seen["id"] in wanted):
            self.violations.append("without a controller, sessions are called dead")
        self.cluster.start_controller()
        wait_for(lambda: len(self.cluster.states()) > 1, "the controller is back", self._explain)
        ended = {session for session in wanted if living(self.witness, session) != before[session]}
        answer = self.world.run("restore", "--all", "--json", timeout=120)
        restored = {item["id"] for item in answer.json}
        if restored != ended:
            self.violations.append(f"with the controller back, {ended} had ended, and {restored} were restored")
        after = {session: living(self.witness, session) for session in wanted - ended}
        if after != {session: before[session] for session in wanted - ended}:
            self.violations.append(f"the controller's restart changed what lives: {before} became {after}")

    def _age_of_youngest_job(self) -> float:
        return time.monotonic() - max(
            (life.first for path in self.witness.iterdir() for life in lives(self.witness, path.stem)), default=0.0
        )

    def _on(self, node: str) -> set[str]:
        names = self.cluster.run("squeue", "-h", "-t", "RUNNING", "-w", node, "-o", "%j").split()
        return {seen["id"] for seen in self.world.ls() if f"rouser-{seen['runtime_name']}" in names}

    def _dead(self) -> set[str]:
        return {seen["id"] for seen in self.world.ls() if seen["alive"] is False}

    def _observe(self) -> None:
        """Look all the while whether any is called dead that lives."""
        while not self._over.is_set():
            begun = time.monotonic()
            done = self.world.run("ls", "--json")
            if done.code:
                self.violations.append(f"ls failed: {done.err}")
                continue
            self.looks += 1
            for seen in json.loads(done.out):
                if seen["alive"] is False and seen["status"] == "terminated" and self._lived_since(begun, seen["id"]):
                    self.violations.append(f"{seen['id'][:8]} is called dead and lives")
            self._over.wait(1.0)

    def _lived_since(self, begun: float, session: str) -> bool:
        """Return whether a process lives now that lived before the look began: so it did all the while."""
        alive = living(self.witness, session)
        return any(life.first < begun for life in lives(self.witness, session) if life.pid in alive)

    def _end(self, ids: list[str]) -> None:
        sessions = {seen["id"]: seen for seen in self.world.ls()}
        for session in ids:
            self.violations += overlaps(self.witness, session)
            work = Path(sessions[session]["workspace_path"]) / "work.txt"
            if not work.exists() or work.read_text() != f"not committed, of {session}":
                self.violations.append(f"{session[:8]}: its uncommitted file is gone or changed")
        self.world.ok("kill", *ids)
        left = [pid for session in ids for pid in living(self.witness, session)]
        if left:
            self.violations.append(f"processes live on after a kill: {left}")
        try:
            wait_for(lambda: not self.cluster.run("squeue", "-h"), "the queue is empty", seconds=30)
            wait_for(lambda: not pids_of(str(self.world.root)), "no process is left", seconds=15)
        except AssertionError as error:
            self.violations.append(f"{error} {[_line(pid) for pid in pids_of(str(self.world.root))]}")

    def _explain(self) -> str:
        done = subprocess.run(
            ["squeue", "-h", "-t", "all"], env=self.cluster.environment, capture_output=True, text=True, check=False
        )
        return f"{self.world.run('ls').out}\n{self.cluster.states()}\n{done.stdout}{done.stderr}\n{self.cluster.describe()}"


def _line(pid: int) -> str:
    try:
        return f"{pid} " + Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:120]
    except OSError:
        return f"{pid} (gone)"


def main() -> int:
    """Run rounds, tell of each, and return 1 if anything was ever violated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--at-once", type=int, default=2, help="how many rounds run at the same time")
    options = parser.parse_args()

    def one(number: int) -> Round:
        drill, begun = Round(number), time.monotonic()
        try:
            drill.run()
        except Exception as error:
            drill.violations.append(f"{type(error).__name__}: {error}")
        seconds = time.monotonic() - begun
        print(f"round {number}: {len(drill.violations)} violations, {drill.looks} looks, {seconds:.0f} s", flush=True)
        for violation in drill.violations:
            print(f"  {violation}", flush=True)
        return drill

    with ThreadPoolExecutor(options.at_once) as pool:
        rounds = list(pool.map(one, range(1, options.rounds + 1)))
    violations = sum(len(drill.violations) for drill in rounds)
    print(f"{len(rounds)} rounds, {SESSIONS} sessions each, {violations} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
