"""Crash sessions of the real client at random moments, restore them, and count what went wrong.

Each round is a session with three prompts. Something is killed at a random moment between its launch and the third
answer; then ``rouser restore`` is run, the prompts that were not delivered are sent, and one more. What must hold is
looked at from outside: in what reached the API, in the transcript, among the processes and in the worktree.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from agents.lab import Lab, new_lab
from support.waiting import wait_for
from support.world import running

SECONDS_PER_ANSWER = 0.3
SIGNALS = {"client HUP": signal.SIGHUP, "client TERM": signal.SIGTERM, "client KILL": signal.SIGKILL}
KINDS = (*SIGNALS, "session killed", "server KILL", "rouser KILL in spawn", "rouser KILL in restore")
NOT_RESTORABLE = 7


@dataclass
class Round:
    """One session, its crash and its restore.

    :ivar number: which round it is, and the seed of its chances.
    :ivar kind: one of ``KINDS``.
    :ivar span: over how many seconds the crash may strike.
    """

    number: int
    kind: str
    seed: int
    span: float
    log: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0
    resent: int = 0
    ran: bool = False

    def run(self) -> None:
        self.ran = True
        try:
            with new_lab(seconds_per_answer=SECONDS_PER_ANSWER) as lab:
                _Drill(self, lab).run()
        except Exception as error:  # a round that breaks down is a failure, and the others go on
            self.failures.append(f"{type(error).__name__}: {error} {getattr(error, 'stderr', '')}")


class _Drill:
    def __init__(self, this: Round, lab: Lab) -> None:
        self.round = this
        self.lab = lab
        self.chance = random.Random(this.seed)
        self.prompts = [f"prompt {index} of round {this.number}" for index in (1, 2, 3)]
        self.delivered: list[str] = []

    def run(self) -> None:
        moment = self.chance.uniform(0, self.round.span)
        killer = threading.Thread(target=self.strike, args=(moment,))
        if self.round.kind == "rouser KILL in spawn":
            self.spawn(kill_after=self.chance.uniform(0, 1.5))
        else:
            killer.start()
            self.spawn()
            for prompt in self.prompts[1:]:
                if not self.send(prompt):
                    break
            else:
                wait_for(lambda: len(self.lab.api.prompts()) >= 3, "the third prompt arrived", 30)
            killer.join()
        draft = self.write_draft()
        self.restore()
        begun = time.time()
        self.bring_back()
        for prompt in [*self.prompts, f"go on with round {self.round.number}"]:
            if prompt not in self.delivered and not self.send(prompt):
                self.round.failures.append(f"{prompt!r} could not be sent after the restore")
        self.round.seconds = self.next_request(begun) - begun
        self.inspect(draft)

    # What happens to the session.

    def spawn(self, kill_after: float | None = None) -> None:
        process = self.lab.world.start("spawn", self.prompts[0], "--json")
        self.finish(process, kill_after)

    def finish(self, process: subprocess.Popen[str], kill_after: float | None) -> int:
        if kill_after is not None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(kill_after)
            process.kill()
        out, err = process.communicate(timeout=120)
        told = err.strip() or out.strip() if process.returncode else err.strip()
        self.round.log.append(f"{' '.join(map(str, process.args[1:3]))}: {process.returncode} {told}")
        return process.returncode

    def send(self, prompt: str) -> bool:
        session = self.session()
        if session is None:
            return False
        done = self.lab.send(session, prompt)
        self.round.log.append(f"send {prompt}: {done.code} {done.err.strip()}")
        if done.code == 0:
            self.delivered.append(prompt)
        return done.code == 0

    def strike(self, moment: float) -> None:
        """Kill, ``moment`` seconds after the client was launched."""
        wait_for(self.lab.clients, "the client was launched", 60)
        time.sleep(moment)
        clients = self.lab.clients()
        self.round.log.append(f"strike after {moment:.2f} s at {clients}")
        if self.round.kind == "session killed":
            self.lab.world.tmux("kill-session", "-t", f"={self.lab.world.tmux_sessions()[0]}:")
        elif self.round.kind == "server KILL":
            self.lab.world.kill_server()
        else:
            for pid in clients:
                os.kill(pid, SIGNALS.get(self.round.kind, signal.SIGKILL))
        wait_for(lambda: not any(map(running, clients)), "the clients are gone")

    def session(self) -> dict[str, Any] | None:
        return next(iter(self.lab.world.ls()), None)

    def write_draft(self) -> str:
        """Leave work in the worktree that is not committed, and return it."""
        session = self.session()
        text = f"draft {self.chance.random()}"
        if session and session["workspace_path"]:
            (Path(session["workspace_path"]) / "draft").write_text(text)
            (Path(session["workspace_path"]) / "README").write_text(text)
            return text
        return ""

    def restore(self) -> None:
        """The restore that is killed itself, where that is the round's kind."""
        session = self.session()
        if session and self.round.kind == "rouser KILL in restore":
            self.finish(self.lab.world.start("restore", session["id"]), self.chance.uniform(0, 1.2))

    def bring_back(self) -> None:
        """Restore; where spawn was killed before it had recorded anything, spawn again."""
        session = self.session()
        if session is None:
            self.spawn()
        else:
            code = self.finish(self.lab.world.start("restore", session["id"], "--json"), None)
            if code not in {0, NOT_RESTORABLE} or (code and not self.round.kind.startswith("rouser")):
                self.round.failures.append(f"restore ended with {code}")
        self.delivered.append(self.prompts[0])

    # What must hold.

    def next_request(self, begun: float) -> float:
        return next((request.at for request in self.lab.api.requests if request.at >= begun), begun)

    def inspect(self, draft: str) -> None:
        expected = [*self.prompts, f"go on with round {self.round.number}"]
        said = self.lab.request(expected[-1]).said
        self.require(said == expected, f"the model was told {said}")
        arrived = self.lab.api.prompts()
        for prompt in expected:
            count = arrived.count(prompt)
            self.require(count > 0, f"{prompt!r} never arrived")
            self.round.resent += max(0, count - 1)
        self.require(len(self.lab.clients()) == 1, f"{len(self.lab.clients())} clients run")
        session = self.session()
        if session is None:
            self.round.failures.append("there is no session")
            return
        self.require(len(self.lab.world.tmux_sessions()) == 1, "more than one tmux session")
        if draft:
            workspace = Path(session["workspace_path"])
            kept = (workspace / "draft").read_text() == (workspace / "README").read_text() == draft
            self.require(kept, "the uncommitted files have changed")

    def require(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.round.failures.append(otherwise)


def measure() -> float:
    """Return how many seconds an undisturbed session takes from its launch to the third answer."""
    with new_lab(seconds_per_answer=SECONDS_PER_ANSWER) as lab:
        begun = time.monotonic()
        session = lab.spawn("one")
        for text in ("two", "three"):
            assert lab.send(session, text).code == 0
        lab.idle(session)
        return time.monotonic() - begun


def race(count: int, *, resumes: bool) -> tuple[float, float]:
    """Return the median seconds to the next request, by hand and by ``rouser restore``, with the same flags.

    They take turns, and both carry a prompt.

    :param resumes: whether they resume a conversation, or begin one.
    """
    by_hand: list[float] = []
    restored: list[float] = []
    with new_lab() as lab:
        session = lab.spawn("race")
        transcript = lab.transcript(session["id"])
        settings = reporting_elsewhere(lab, session)
        lab.kill_clients()
        for number in range(count):
            forget_prompt(transcript, whole=not resumes)
            begun, arrived = time.time(), len(lab.api.requests)
            assert lab.restore(session)["resumed"] is resumes
            wait_for(lambda arrived=arrived: len(lab.api.requests) > arrived, "the request arrived")
            restored.append(lab.api.requests[arrived].at - begun)
            lab.kill_clients()
            forget_prompt(transcript, whole=not resumes)
            conversation = ("--resume" if resumes else "--session-id", session["id"])
            begun = time.time()
            lab.by_hand("hand", Path(session["workspace_path"]), *conversation, *settings, "--", f"run {number}")
            by_hand.append(lab.request(f"run {number}").at - begun)
            lab.kill_clients()
    return statistics.median(by_hand), statistics.median(restored)


def reporting_elsewhere(lab: Lab, session: dict[str, Any]) -> list[str]:
    """Return the session's own flags, but with hooks that do not take what is started for the session's client."""
    _, path = session["launch_command"][3:5]
    elsewhere = lab.world.root / "elsewhere"
    elsewhere.mkdir()
    copy = elsewhere / "settings.json"
    copy.write_text(Path(path).read_text().replace(str(Path(path).parent), str(elsewhere)))
    return ["--settings", str(copy)]


def forget_prompt(transcript: Path, *, whole: bool) -> None:
    """Make a transcript as if the prompt had never been written down, or leave none."""
    if whole:
        transcript.unlink()
    else:
        transcript.write_text(transcript.read_text().replace('"race"', '"something else"'))


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep ``count`` cores busy."""
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def table(rounds: list[Round]) -> str:
    lines = [f"{'KIND':<24}{'ROUNDS':>7}{'FAILED':>8}{'RESENT':>8}{'MEDIAN':>9}{'WORST':>9}"]
    for name, group in [(kind, [item for item in rounds if item.kind == kind]) for kind in KINDS] + [("all", rounds)]:
        if group:
            seconds = [item.seconds for item in group]
            failed, resent = sum(bool(item.failures) for item in group), sum(item.resent for item in group)
            lines.append(
                f"{name:<24}{len(group):>7}{failed:>8}{resent:>8}{statistics.median(seconds):>7.2f} s{max(seconds):>7.2f} s"
            )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=1, help="rounds at a time")
    parser.add_argument("--races", type=int, default=5, help="how often a start by hand and a restore are compared")
    parser.add_argument("--within", type=float, default=math.inf, help="seconds after which no further round begins")
    parser.add_argument("--busy", type=int, default=0, help="cores to keep busy meanwhile")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    with busy(options.busy):
        span = measure()
        for resumes, what in ((False, "begins"), (True, "resumes")) if options.races else ():
            by_hand, restored = race(options.races, resumes=resumes)
            print(
                f"to the request of a client that {what} a conversation: {by_hand:.2f} s by hand, "
                f"{restored:.2f} s by rouser restore, {restored / by_hand:.2f} times"
            )
        print(f"seed {options.seed}; undisturbed, three prompts take {span:.1f} s", flush=True)
        kinds = [KINDS[index % len(KINDS)] for index in range(options.rounds)]
        random.Random(options.seed).shuffle(kinds)
        rounds = [Round(index, kind, options.seed + index, span) for index, kind in enumerate(kinds)]
        end = time.monotonic() + options.within
        with ThreadPoolExecutor(options.jobs) as pool:
            for item in pool.map(lambda this: (time.monotonic() < end and this.run(), this)[1], rounds):
                print("F" if item.failures else "." if item.ran else "", end="", flush=True)
    print()
    rounds = [item for item in rounds if item.ran]
    for item in rounds:
        if item.failures or item.resent:
            print(f"round {item.number}, seed {item.seed}, {item.kind}: {'; '.join(item.failures) or 'sent again'}")
            print("".join(f"    {line}\n" for line in item.log), end="")
    print(table(rounds))
    print("RESENT: prompts that had reached the API when the client was killed before it wrote them down.")
    return 1 if any(item.failures for item in rounds) else 0


if __name__ == "__main__":
    sys.exit(main())
