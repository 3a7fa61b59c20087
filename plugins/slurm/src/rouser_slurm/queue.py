"""What the controller says of the user's jobs: one question for all of them, and never more than one a second."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from rouser_slurm.client import Slurm, SlurmError

_FORMAT: Final = "%A|%T|%L|%N|%r|%j"  # the name last: those of other jobs may hold anything
_FRESH_SECONDS: Final = 1.0
_ASK_SECONDS: Final = 10.0
_UNLIMITED: Final = frozenset({"UNLIMITED", "NOT_SET", "INVALID", ""})


class Phase(Enum):
    """What a job's state means for what runs in it."""

    WAITING = auto()
    RUNNING = auto()
    SUSPENDED = auto()
    ENDING = auto()
    OVER = auto()
    STRANGE = auto()


# The states of squeue(1), "JOB STATE CODES"; what is not here, or new, is strange and decides nothing.
_PHASES: Final = {
    **dict.fromkeys(("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD"), Phase.WAITING),
    **dict.fromkeys(("RUNNING", "SIGNALING", "STAGE_OUT", "RESIZING"), Phase.RUNNING),
    **dict.fromkeys(("SUSPENDED", "STOPPED"), Phase.SUSPENDED),
    "COMPLETING": Phase.ENDING,
    **dict.fromkeys(
        (
            *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL"),
            *("OUT_OF_MEMORY", "PREEMPTED", "REVOKED", "TIMEOUT"),
        ),
        Phase.OVER,
    ),
}


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the controller sees it.

    :ivar id: its number.
    :ivar state: the state in Slurm's words, like ``NODE_FAIL``.
    :ivar name: its name.
    :ivar seconds_left: until its time limit. None: it has none, or does not run.
    :ivar reason: why it waits, or failed.
    :ivar nodes: where it runs.
    """

    id: int
    state: str
    name: str
    seconds_left: int | None = None
    reason: str = ""
    nodes: str = ""

    @property
    def phase(self) -> Phase:
        """What the state means."""
        return _PHASES.get(self.state, Phase.STRANGE)


class Queue:
    """The user's jobs, those that ended within the last minutes among them.

    However many threads ask, the controller is asked once a second at most, and one that does not answer is not
    asked again at once either.
    """

    def __init__(self, slurm: Slurm) -> None:
        self._slurm = slurm
        self._lock = threading.Lock()
        self._asked = -_FRESH_SECONDS
        self._jobs: dict[int, Job] | SlurmError = {}

    def jobs(self) -> dict[int, Job]:
        """Return the jobs by their numbers, as they were at most a second ago.

        :raises SlurmError: the controller does not answer, or nonsense.
        """
        with self._lock:
            if time.monotonic() - self._asked >= _FRESH_SECONDS:
                try:
                    self._jobs = self._ask()
                except SlurmError as error:
                    self._jobs = error
                self._asked = time.monotonic()
            found = self._jobs
        if isinstance(found, SlurmError):
            raise SlurmError(str(found), found.reason)
        return found

    def _ask(self) -> dict[int, Job]:
        options = ("--noheader", "--me", "--states=all", f"--format={_FORMAT}")
        printed, _ = self._slurm.run("squeue", *options, timeout=_ASK_SECONDS)
        return parse(printed.decode(errors="replace"))


def parse(text: str) -> dict[int, Job]:
    """Return the jobs that squeue listed in our format.

    :raises SlurmError: it is no such list.
    """
    jobs = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("CLUSTER:"):
            continue
        fields = line.split("|", _FORMAT.count("|"))
        if len(fields) != _FORMAT.count("|") + 1 or not fields[0].strip().isdecimal():
            raise SlurmError(f"squeue answered {line[:60]!r}, which is no list of jobs; is another program called so?")
        job, state, left, nodes, reason, name = (field.strip() for field in fields)
        jobs[int(job)] = Job(int(job), state, name, seconds_of(left), "" if reason == "None" else reason, nodes)
    return jobs


def seconds_of(text: str) -> int | None:
    """Return the seconds that ``days-hours:minutes:seconds`` means, as squeue prints it; None: no limit."""
    if text in _UNLIMITED:
        return None
    days, dash, clock = text.rpartition("-")
    parts = clock.split(":")
    if not all(part.isdecimal() for part in parts) or (dash and not days.isdecimal()):
        return None
    seconds = 0
    for part in parts:
        seconds = seconds * 60 + int(part)
    return seconds + int(days or 0) * 86400
