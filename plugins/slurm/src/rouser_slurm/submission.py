"""Submit the job of a generation: its script and the options of sbatch, at a bounded rate."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from rouser import HookError, time_left
from rouser_slurm.client import Slurm
from rouser_slurm.launch import quote
from rouser_slurm.lease import POLL_SECONDS, Lease
from rouser_slurm.places import Generation
from rouser_slurm.settings import Settings, arguments

_PREFIX: Final = "rouser-"
_PRINTED: Final = re.compile(rb"(?P<job>\d+)(;(?P<cluster>\S*))?")


def job_name(name: str) -> str:
    """Return the name of the job of a runtime."""
    return f"{_PREFIX}{name}"


class Pace:
    """Lets callers through one after another, so many a second at most, in whatever threads they are.

    :param per_second: how many.
    """

    def __init__(self, per_second: float) -> None:
        self._gap = 1 / per_second
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Return when it is the caller's turn.

        :raises HookError: that is not within the time that is left.
        """
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            if turn - now > time_left():
                raise HookError("too many jobs are to be submitted at once; try again, or restore fewer at a time")
            self._next = turn + self._gap
        time.sleep(max(0.0, turn - now))


def submit(slurm: Slurm, pace: Pace, settings: Settings, generation: Generation, claim: Lease, name: str,
           options: Mapping[str, str]) -> int:  # fmt: skip
    """Submit the job, and return its number.

    :param claim: what the lease must say for the job to live.
    :param options: for sbatch, as in :data:`rouser_slurm.settings.OPTIONS`.
    :raises HookError: it was not accepted, or not answered in time.
    """
    text = script(settings, generation, claim)
    pace.wait()
    printed, complaint = slurm.run("sbatch", *_flags(settings, generation, name, options), stdin=text.encode())
    match = _PRINTED.search(printed.strip())
    if not match or not printed.strip().startswith(match[0]):
        said = printed.decode(errors="replace")[:60]
        raise HookError(f"sbatch answered {said!r} {complaint}, which is no job; is another program called so?")
    return int(match["job"])


def _flags(settings: Settings, generation: Generation, name: str, options: Mapping[str, str]) -> list[str]:
    log = str(generation.log).replace("%", "%%")
    notice = [f"--signal=B:USR1@{settings.notice_seconds}"] if settings.notice_seconds else []
    return [
        "--parsable",
        f"--job-name={job_name(name)}",
        "--comment=rouser",
        "--nodes=1",
        "--ntasks=1",
        "--no-requeue",  # it would start the old command anew, behind rouser's back
        "--export=ALL",  # of the little that sbatch gets; anything else has the node start a login shell, for seconds
        "--chdir=/",
        "--input=/dev/null",
        "--open-mode=append",
        f"--output={log}",
        *notice,
        *arguments(options),
    ]


def script(settings: Settings, generation: Generation, claim: Lease) -> str:
    """Return the job's script."""
    variables = {
        "place": str(generation.path),
        "lease": str(generation.lease),
        "claim": str(claim),
        "limit": str(settings.lease_seconds),
        "poll": str(POLL_SECONDS),
        "tmux": settings.tmux,
        "notice": notice(settings.notice_seconds),
    }
    head = "".join(f"{name}={quote(value)}\n" for name, value in variables.items())
    directory = files("rouser_slurm")
    body = "\n".join(directory.joinpath(name).read_text(encoding="ascii") for name in ("ending.sh", "job.sh"))
    return f"#!/bin/sh\n{head}{body}"


def notice(seconds: int) -> str:
    """Return what an agent is told so many seconds before its time is up; empty for 0."""
    if not seconds:
        return ""
    ahead = f"{seconds // 60} minutes" if seconds >= 120 else f"{seconds} seconds"  # noqa: PLR2004
    return (
        f"Note from the cluster: this session's Slurm job ends in about {ahead}, as its time limit is reached or it "
        "is preempted. Bring your work to a state that can be continued; the session can be restored afterwards."
    )
