"""End a runtime: ask its job to end in order, take its lease away, and wait until that has taken effect."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from rouser import HookError, Together, time_left
from rouser_slurm import lease
from rouser_slurm.client import Slurm, SlurmError
from rouser_slurm.handle import Handle
from rouser_slurm.judgement import was_removed
from rouser_slurm.places import Generation, generation_of
from rouser_slurm.queue import Job, Phase, Queue
from rouser_slurm.submission import job_name

_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 0.25
_OWN_ACCORD: Final = 1.6 * lease.POLL_SECONDS  # by then a job that reaches its lease has seen that it lost it
_CANCEL_SECONDS: Final = 2.0
_ORDERLY_SECONDS: Final = 5.0
_GONE: Final = "Invalid job id"
_UNANSWERED: Final = ("contact", "connect", "Communication")


@dataclass(frozen=True, slots=True)
class Destroyer:
    """Ends runtimes on one cluster.

    :ivar lease_seconds: for how long a copy lives on that cannot reach its lease.
    """

    slurm: Slurm
    queue: Queue
    lease_seconds: int
    _requests: Together[int, None] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_requests", Together(self._ask_to_end))

    def destroy(self, handle: Handle) -> str:
        """End what is left of a runtime; when it is gone, return what its terminal showed last.

        Its job is asked first, as it ends an agent in order. But it reads its lease every second, too, so that it
        ends without the controller's help, and whether or not its node can be reached.

        :raises HookError: something of it may still be there.
        """
        if was_removed(handle):
            return ""
        generation = generation_of(handle)
        in_order = self._end_in_order(generation, handle)
        if not lease.revoke(generation.lease, handle.generation, handle.session_id):
            _cancel_and_wait(self.slurm, self.queue, handle.job, handle.name)
            return ""
        if not in_order:  # else its script ends; the job of one that was killed may go on for Slurm
            end(self.slurm, self.lease_seconds, generation, handle.job, handle.name)
        screen = generation.screen()
        generation.remove()
        return screen

    def _end_in_order(self, generation: Generation, handle: Handle) -> bool:
        """Ask a job that shows signs of life to end, wait for a while, and return whether it has."""
        silence = generation.silence()
        if generation.report().ended or silence is None or silence > self.lease_seconds:
            return False
        give_up = time.monotonic() + min(_ORDERLY_SECONDS, time_left() / 2)
        try:
            self._requests.ask(handle.job)
        except (SlurmError, TimeoutError):
            return False  # the lease does not need the controller
        pause = _PAUSE
        while not (ended := generation.report().ended) and time.monotonic() < give_up:
            time.sleep(pause)
            pause = min(pause * 1.3, _LONGEST_PAUSE)  # where a hundred wait, none is to wait for the others' looks
        return ended == "cancelled"

    def _ask_to_end(self, jobs: Sequence[int]) -> Sequence[None]:
        """Have Slurm signal the scripts of jobs, and nothing else of them: tmux would go before it has been asked.

        :raises SlurmError: the controller does not answer.
        """
        try:
            numbers = map(str, dict.fromkeys(jobs))
            self.slurm.run("scancel", "--quiet", "--batch", "--signal=TERM", *numbers, timeout=_CANCEL_SECONDS)
        except SlurmError as error:
            if not error.reason or any(word in error.reason for word in _UNANSWERED):
                raise
        return [None] * len(jobs)


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
