"""What ``rouser doctor`` should know: the programs, the controller, the shared directory."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rouser import Diagnosis
from rouser_slurm.client import Slurm, SlurmError
from rouser_slurm.queue import Queue
from rouser_slurm.settings import Settings

_PROGRAMS: Final = ("sbatch", "squeue", "scancel", "srun")
# Where packages, and nodes without a configuration of their own, have it. Asked without any, Slurm's programs take
# half a minute to find that out.
_PLACES: Final = ("/etc/slurm", "/etc/slurm-llnl", "/usr/local/etc", "/run/slurm/conf", "/run/slurm")


def unusable(slurm: Slurm) -> str | None:
    """Return what speaks against using the plugin on this machine."""
    if not slurm.added() and not any(Path(place, "slurm.conf").exists() for place in _PLACES):
        return "this machine is part of no cluster"
    absent = next((program for program in _PROGRAMS if shutil.which(program) is None), None)
    return f"{absent} is not installed, or not on PATH" if absent else None


def diagnose(slurm: Slurm, queue: Queue, settings: Settings) -> Iterator[Diagnosis]:
    """Yield findings on the programs, the controller and the directory."""
    reason = unusable(slurm)
    if reason:
        yield Diagnosis(subject="slurm", ok=True, message=f"of no use here: {reason}")
        return
    try:
        jobs = queue.jobs()
        version = slurm.run("squeue", "--version")[0].decode(errors="replace").strip()
    except SlurmError as error:
        yield Diagnosis(subject="slurm", ok=False, message=str(error), remedy="ask scontrol ping, or an administrator")
    else:
        yield Diagnosis(subject="slurm", ok=True, message=f"{version}, {len(jobs)} jobs of yours are listed")
    yield _directory(settings)


def _directory(settings: Settings) -> Diagnosis:
    place = next(path for path in (settings.directory, *settings.directory.parents) if path.exists())
    if not os.access(place, os.W_OK | os.X_OK):
        return Diagnosis(
            subject="slurm files",
            ok=False,
            message=f"{place} cannot be written to",
            remedy="set directory in [plugins.slurm] to a directory that all nodes share",
        )
    return Diagnosis(subject="slurm files", ok=True, message=f"{settings.directory}, which all nodes must share")
