"""Run Slurm's programs: with a deadline, in a clean environment, and with their failures in one line."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from rouser import HookError, time_left

_LONGEST: Final = 20.0
_SHARE: Final = 0.9  # of the time that is left; the rest is for ending the program and saying so
_AT_ONCE: Final = 8
# Where rouser itself runs in a job, these would direct what it starts to that job.
_OF_A_JOB: Final = ("SLURM", "SBATCH_", "SRUN_", "SQUEUE_", "SCANCEL_", "SALLOC_", "PMI")
_KEPT: Final = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "TERM")
_NOISE: Final = ("error: ", "fatal: ")


class SlurmError(HookError):
    """A program of Slurm's failed or could not be run.

    :ivar reason: what it said, one line; empty when it said nothing or never answered.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Slurm:
    """One cluster, as its client programs see it.

    :ivar conf: path of its configuration file. Empty: wherever Slurm looks for it.
    :ivar cluster: its name, where several are reached with one configuration. Empty: the default one.
    """

    conf: str = ""
    cluster: str = ""
    _slots: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(_AT_ONCE), compare=False, repr=False
    )

    def argv(self, program: str, *arguments: str) -> list[str]:
        """Return the command line of a program of Slurm's."""
        return [program, *([f"--clusters={self.cluster}"] if self.cluster else []), *arguments]

    def environment(self) -> dict[str, str]:
        """Return the environment that the programs get, and that a job gets from sbatch: nobody's secrets."""
        return {**{name: os.environ[name] for name in _KEPT if name in os.environ}, **self.added()}

    def added(self) -> Mapping[str, str]:
        """Return the variables that the programs need besides what every program has."""
        conf = self.conf or os.environ.get("SLURM_CONF", "")
        return {"SLURM_CONF": conf} if conf else {}

    def run(self, program: str, *arguments: str, stdin: bytes = b"", timeout: float = _LONGEST) -> tuple[bytes, str]:
        """Run a program to its end, a few at a time.

        :param timeout: seconds; never more than the hook call has left.
        :returns: what it printed, and what it complained of.
        :raises SlurmError: it failed, did not end in time, or is not there.
        """
        from rouser import run_program

        seconds = min(time_left() * _SHARE, timeout)
        if not self._slots.acquire(timeout=seconds):
            raise SlurmError(f"{program} was not run: too many of Slurm's programs are slow to answer; try again")
        try:
            status, output, errors = run_program(
                self.argv(program, *arguments),
                seconds=min(time_left() * _SHARE, timeout),
                environment=self.environment(),
                stdin=stdin,
            )
        except FileNotFoundError:
            raise SlurmError(
                f"{program} is not installed, or not on PATH: is this machine part of a cluster?"
            ) from None
        except TimeoutError:
            raise SlurmError(
                f"{program} did not answer within {seconds:.1f} s; is the controller up? see: scontrol ping"
            ) from None
        except OSError as error:
            raise SlurmError(f"{program} could not be run: {error}") from error
        finally:
            self._slots.release()
        complaint = one_line(errors.decode(errors="replace"))
        if status:
            raise SlurmError(f"{program} failed: {complaint or f'exit status {status}'}", complaint)
        return output, complaint


def is_of_a_job(variable: str) -> bool:
    """Return whether an environment variable belongs to a job that this process may run in."""
    return variable.startswith(_OF_A_JOB) and variable != "SLURM_CONF"


def one_line(text: str) -> str:
    """Return what a program complained of, without its own name at each line."""
    lines: Sequence[str] = [line.strip() for line in text.splitlines() if line.strip()]
    for noise in _NOISE:
        lines = [line.partition(noise)[2] or line for line in lines]
    return "; ".join(dict.fromkeys(lines))[:300]
