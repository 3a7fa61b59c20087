"""Create the runtime of a session: take the lease for a new generation, submit its job, and see the agent started."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rouser import HookError, Session, is_valid_name, time_left
from rouser_slurm import launch, lease, places
from rouser_slurm.client import Slurm
from rouser_slurm.destruction import cancel, end
from rouser_slurm.handle import Handle
from rouser_slurm.judgement import Judge
from rouser_slurm.lease import Lease
from rouser_slurm.places import Generation, Started
from rouser_slurm.queue import Phase, Queue
from rouser_slurm.settings import Settings
from rouser_slurm.submission import Pace, submit

_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.25
_LOOK_AFTER: Final = 1.0
_CLEANUP_SHARE: Final = 0.25  # of the time that is left, kept back to undo what did not succeed


@dataclass(frozen=True, slots=True)
class Creator:
    """Creates runtimes on one cluster."""

    slurm: Slurm
    queue: Queue
    pace: Pace
    settings: Settings
    judge: Judge

    def create(
        self, session: Session, *, name: str, cwd: Path, command: Sequence[str], env: Mapping[str, str]
    ) -> Handle:
        """Start ``command`` in a job of its own, and return when it runs.

        :raises HookError: it does not; no copy of it does, or will.
        """
        if not is_valid_name(name):
            raise HookError(f"{name!r} cannot name a job: use letters, digits, _ and -, at most 64")
        if not cwd.is_absolute() or not cwd.is_dir():
            raise HookError(f"the directory {cwd} does not exist")
        directory = places.prepare(self.settings.directory, name)
        with lease.creating(directory / "lock"):
            number = self._next_generation(directory, name)
            generation = Generation(directory / str(number))
            generation.remove()  # what a command left that was killed before it took the lease
            generation.make(session.id)
            claim = Lease(number, session.id, held=True)
            try:
                launch.write(generation, cwd, command, env)
                lease.write(generation.lease, claim)
                return self._start(session, name, generation, claim)
            except HookError:
                self._undo(generation, claim, name)
                raise

    def _next_generation(self, directory: Path, name: str) -> int:
        """Return the number of the next generation, once it is certain that nothing is left of the one before.

        :raises HookError: it lives, or may live.
        """
        last = lease.read(directory / "lease")
        if last is None:
            return 1
        generation = Generation(directory / str(last.generation))
        if generation.path.exists():
            self._require_over(generation, last, name)
            generation.remove()
        elif last.held:
            lease.write(generation.lease, Lease(last.generation, last.session_id, held=False))
        return last.generation + 1

    def _require_over(self, generation: Generation, last: Lease, name: str) -> None:
        started = generation.report().started
        if started is not None and last.held:
            handle = self._handle(last.session_id, name, last.generation, started)
            if self.judge.is_alive(handle):
                raise HookError(f"a runtime called {name} exists already, as job {started.job}")
        lease.revoke(generation.lease, last.generation, last.session_id)
        end(self.slurm, self.settings.lease_seconds, generation, generation.job(), name)

    def _start(self, session: Session, name: str, generation: Generation, claim: Lease) -> Handle:
        options = {**self.settings.options, **session.runtime_config}
        job = submit(self.slurm, self.pace, self.settings, generation, claim, name, options)
        generation.note_job(job)
        started = self._wait_for_start(generation, job, time_left() * (1 - _CLEANUP_SHARE))
        return self._handle(session.id, name, claim.generation, started)

    def _wait_for_start(self, generation: Generation, job: int, seconds: float) -> Started:
        """Wait until the job says that the agent runs: the job's own word comes before the controller's."""
        begun = time.monotonic()
        pause = _PAUSE
        while (report := generation.report()).started is None:
            if report.failed:
                raise HookError(report.failed)
            waited = time.monotonic() - begun
            if report.ended:
                raise HookError(f"job {job} ended ({report.ended}) before it had started the agent")
            if waited > _LOOK_AFTER:
                self._look(generation, job, is_last=waited > seconds)
            time.sleep(pause)
            pause = min(pause * 1.1, _LONGEST_PAUSE)
        return report.started

    def _look(self, generation: Generation, number: int, *, is_last: bool) -> None:
        """Ask the controller what keeps a job.

        :raises HookError: it has ended, or the time is over.
        """
        job = self.queue.jobs().get(number)
        if job is not None and job.phase in {Phase.OVER, Phase.ENDING} and generation.report().started is None:
            said = log_of(generation)
            raise HookError(
                f"job {number} ended before it had started the agent: {job.state} {job.reason} {said}".strip()
            )
        if is_last:
            state = "is not listed" if job is None else f"is {job.state} ({job.reason or 'no reason given'})"
            raise HookError(
                f"job {number} {state} and has not started the agent in time, so it was withdrawn; where jobs wait in "
                "a queue, raise hook_timeout in the configuration"
            )

    def _handle(self, session_id: str, name: str, number: int, started: Started) -> Handle:
        return Handle(started.cluster, started.job, number, session_id, name, self.settings.directory)

    def _undo(self, generation: Generation, claim: Lease, name: str) -> None:
        """Make sure that what was submitted, if it was, never starts an agent."""
        revoked = Lease(claim.generation, claim.session_id, held=False)
        steps: list[Callable[[], object]] = [
            lambda: generation.launch.unlink(missing_ok=True),
            lambda: lease.write(generation.lease, revoked),
            lambda: cancel(self.slurm, generation.job()),
        ]
        for step in steps:
            with suppress(HookError, OSError):
                step()
        if generation.report().started is not None or generation.silence() is not None:
            with suppress(HookError):
                end(self.slurm, self.settings.lease_seconds, generation, generation.job(), name)
                generation.remove()


def log_of(generation: Generation) -> str:
    """Return the last line that the job's own script complained of."""
    try:
        lines = generation.log.read_text(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return launch.one_line(lines[-1][:200]) if lines else ""
