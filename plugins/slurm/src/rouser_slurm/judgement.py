"""Decide whether agents run: by what Slurm says of their jobs, and by what the jobs themselves report."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from rouser import HookError, time_left
from rouser_slurm import lease
from rouser_slurm.handle import Handle
from rouser_slurm.places import generation_of
from rouser_slurm.queue import Job, Phase, Queue
from rouser_slurm.submission import job_name

_PATIENCE: Final = 3.0
_PAUSE: Final = 0.1


class Judge:
    """Answers for runtimes.

    :param queue: the user's jobs.
    :param lease_seconds: for how long a copy lives on that cannot reach its lease.
    """

    def __init__(self, queue: Queue, lease_seconds: int) -> None:
        self._queue = queue
        self._limit = lease_seconds

    def is_alive(self, handle: Handle) -> bool:
        """Return whether the agent of a runtime runs.

        :raises HookError: it is not known.
        """
        answer = self.answers([handle])[handle]
        if isinstance(answer, HookError):
            raise answer
        return answer

    def answers(self, handles: Sequence[Handle]) -> dict[Handle, bool | HookError]:
        """Return for each whether its agent runs, or why that is not known.

        Of a job that is over for Slurm, something may still run for a moment, or on a node that was given up. What
        Slurm has ended may not live, so its lease is taken away; that it is gone is said once it is.
        """
        found = {handle: self._judge(handle) for handle in handles}
        ending = [handle for handle, answer in found.items() if answer is None]
        for handle in ending:
            with suppress(HookError):
                lease.revoke(generation_of(handle).lease, handle.generation, handle.session_id)
        give_up = time.monotonic() + min(_PATIENCE, time_left() / 2)
        while ending and time.monotonic() < give_up:
            time.sleep(_PAUSE)
            found |= {handle: self._judge(handle) for handle in ending}
            ending = [handle for handle in ending if found[handle] is None]
        return {handle: self._unless_ending(handle, answer) for handle, answer in found.items()}

    @staticmethod
    def _unless_ending(handle: Handle, answer: bool | HookError | None) -> bool | HookError:
        if answer is None:
            return HookError(f"job {handle.job} is over for Slurm, but its node has not reported yet that all is ended")
        return answer

    def _judge(self, handle: Handle) -> bool | HookError | None:
        """Return the answer; None: the job is over for Slurm, and what it ran may not be gone yet."""
        generation = generation_of(handle)
        if generation.report().ended or was_removed(handle):
            return False
        silence = generation.silence()
        renewed = silence is not None and silence <= self._limit
        expired = handle.directory.is_dir() if silence is None else silence > lease.bound(self._limit)
        try:
            job = self._queue.jobs().get(handle.job)
        except HookError as error:
            return True if renewed else error
        if job is None or job.name != job_name(handle.name):
            return self._unlisted(handle, renewed=renewed, expired=expired)
        return self._listed(job, renewed=renewed, expired=expired)

    def _unlisted(self, handle: Handle, *, renewed: bool, expired: bool) -> bool | HookError | None:
        """Judge a job that ended so long ago that Slurm has forgotten it, or that Slurm has lost."""
        if renewed:
            return True
        if not handle.directory.is_dir():
            return HookError(f"Slurm knows no job {handle.job}, and {handle.directory} is not there to tell more")
        return False if expired else None

    def _listed(self, job: Job, *, renewed: bool, expired: bool) -> bool | HookError | None:
        if job.phase is Phase.OVER:
            return False if expired else None
        if job.phase is Phase.ENDING:
            return None
        if renewed or job.phase is Phase.SUSPENDED:  # the list may be a second old, and not know that the job began
            return True
        if job.phase is Phase.RUNNING:
            return HookError(
                f"job {job.id} runs on {job.nodes} for Slurm, but has not renewed its lease for {self._limit} s or more"
            )
        return HookError(f"job {job.id} is {job.state} ({job.reason or 'no reason given'})")


def was_removed(handle: Handle) -> bool:
    """Return whether the files of a generation were removed, which is done only once all of it has ended."""
    generation = generation_of(handle)
    if generation.path.exists():
        return False
    with suppress(HookError):
        current = lease.read(generation.lease)
        return current is not None and not current.is_for(handle.generation, handle.session_id)
    return False


def notes(queue: Mapping[int, Job], handles: Sequence[Handle]) -> dict[Handle, str]:
    """Return when the jobs end that have a time limit, as ``ends in 12m``."""
    found = {}
    for handle in handles:
        job = queue.get(handle.job)
        if job and job.phase is Phase.RUNNING and job.seconds_left is not None:
            found[handle] = f"ends in {span(job.seconds_left)}"
    return found


def span(seconds: int) -> str:
    """Return a time as people say it: ``45s``, ``12m``, ``5h20m``, ``3d4h``."""
    if seconds < 60:  # noqa: PLR2004
        return f"{seconds}s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if not hours:
        return f"{minutes}m"
    if not days:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
