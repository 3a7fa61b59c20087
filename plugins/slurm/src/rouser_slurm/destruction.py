"""End a runtime: take its lease away, and wait until that has taken effect."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Final

from rouser import HookError, time_left
from rouser_slurm import lease
from rouser_slurm.client import Slurm, SlurmError
from rouser_slurm.handle import Handle
from rouser_slurm.judgement import was_removed
from rouser_slurm.places import Generation, generation_of
from rouser_slurm.queue import Job, Phase, Queue
from rouser_slurm.submission import job_name

_PAUSE: Final = 0.03
_OWN_ACCORD: Final = 1.6 * lease.POLL_SECONDS  # by then a job that reaches its lease has seen that it lost it
_CANCEL_SECONDS: Final = 2.0
_GONE: Final = "Invalid job id"


def destroy(slurm: Slurm, queue: Queue, lease_seconds: int, handle: Handle) -> None:
    """End what is left of a runtime, and return when it is gone.

    It is cancelled, too, which is quicker. But a job reads its lease every second, so that it ends without the
    controller's help, and whether or not its node can be reached.

    :raises HookError: something of it may still be there.
    """
    if was_removed(handle):
        return
    generation = generation_of(handle)
    if lease.revoke(generation.lease, handle.generation, handle.session_id):
        end(slurm, lease_seconds, generation, handle.job, handle.name)
        generation.remove()
    else:
        _cancel_and_wait(slurm, queue, handle.job, handle.name)


def end(slurm: Slurm, lease_seconds: int, generation: Generation, job: int | None, name: str) -> None:
    """Wait for a generation to end whose lease was taken away.

    :param job: its job. None: not known.
    :raises HookError: it goes on to show signs of life, or that is not known.
    """
    begun = time.monotonic()
    with suppress(SlurmError):  # it ends all the same, only later
        cancel(slurm, job)
    while not generation.report().ended:
        waited = time.monotonic() - begun
        silence = generation.silence()
        if silence is None and waited > _OWN_ACCORD and generation.path.parent.is_dir():
            return  # it never got as far as its lease, and finds none when it does
        if silence is not None and silence > lease.bound(lease_seconds):
            return  # by now it has ended itself, though nobody can be told of that
        if time_left() < _PAUSE * 2:
            raise HookError(f"{name} may still run: its job {job or ''} did not report its end; try again")
        time.sleep(_PAUSE)


def cancel(slurm: Slurm, job: int | None) -> None:
    """Have Slurm end a job; one that has ended, or that it does not know, is no error.

    :raises SlurmError: the controller does not answer.
    """
    if job is None:
        return
    try:
        slurm.run("scancel", "--quiet", str(job), timeout=_CANCEL_SECONDS)
    except SlurmError as error:
        if _GONE not in error.reason:
            raise


def _phase(queue: Queue, number: int | None, name: str) -> Phase | None:
    job: Job | None = queue.jobs().get(number or 0)
    return job.phase if job is not None and job.name == job_name(name) else None


def _cancel_and_wait(slurm: Slurm, queue: Queue, job: int, name: str) -> None:
    """End a job whose files are gone; without its lease it ends by itself, but nobody can be told of that."""
    if _phase(queue, job, name) in {None, Phase.OVER}:
        return
    cancel(slurm, job)
    while _phase(queue, job, name) not in {None, Phase.OVER}:
        if time_left() < _PAUSE * 2:
            raise HookError(f"job {job} of {name} was cancelled and is not gone yet; see: squeue -j {job}")
        time.sleep(_PAUSE)
