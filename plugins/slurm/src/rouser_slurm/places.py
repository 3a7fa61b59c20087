"""The files of a runtime: a directory for each name, in it one for the generation that runs.

All of it is on a file system that the nodes share. What the job writes is made beforehand and written in place,
as a file that appears may stay unseen on other machines for as long as their caches last.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rouser import HookError
from rouser_slurm.handle import Handle

_PRIVATE: Final = 0o700


@dataclass(frozen=True, slots=True)
class Started:
    """What a job says of the agent that it has started.

    :ivar job: the job's number.
    :ivar cluster: the cluster's name.
    :ivar node: the host name of the machine.
    :ivar pane: tmux's id of the agent's pane.
    :ivar socket: path of the tmux server's socket on that machine.
    """

    job: int
    cluster: str
    node: str
    pane: str
    socket: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a job has reported so far.

    :ivar started: where the agent runs. None: it was not started yet.
    :ivar failed: why it could not be started.
    :ivar ended: why it ended, once nothing of it is left: ``exited``, ``cancelled``, ``fenced``, ``cut off``,
        ``abandoned`` by its script, ``unguarded``.
    """

    started: Started | None = None
    failed: str | None = None
    ended: str | None = None


@dataclass(frozen=True, slots=True)
class Generation:
    """The files of one generation.

    :ivar path: its directory.
    """

    path: Path

    @property
    def name_directory(self) -> Path:
        """The directory of the name, which outlives the generation."""
        return self.path.parent

    @property
    def lease(self) -> Path:
        """The lease of the name."""
        return self.path.parent / "lease"

    @property
    def launch(self) -> Path:
        """The script that becomes the agent; it removes itself."""
        return self.path / "launch"

    @property
    def log(self) -> Path:
        """What the job's own script complains of."""
        return self.path / "log"

    def make(self, owner: str) -> None:
        """Make the directory, its files empty.

        :param owner: the session's id.
        :raises HookError: it cannot be made, or is there already.
        """
        try:
            self.path.mkdir(mode=_PRIVATE)
            for name in ("owner", "state", "beat", "screen", "job", "log"):
                (self.path / name).touch(mode=0o600)
            (self.path / "owner").write_text(owner)
        except OSError as error:
            raise HookError(f"{self.path} cannot be made: {error.strerror}") from error

    def remove(self) -> None:
        """Remove the directory and what is in it, as far as that can be done."""
        shutil.rmtree(self.path, ignore_errors=True)

    def remove_name(self) -> None:
        """Remove the directory of the name, its lease included; for sessions that never come back."""
        shutil.rmtree(self.path.parent, ignore_errors=True)

    def note_job(self, job: int) -> None:
        """Write down which job it is, for a command that comes after this one was killed."""
        with contextlib.suppress(OSError):
            (self.path / "job").write_text(f"{job}\n")

    def job(self) -> int | None:
        """Return the number of the job; None when it is not known."""
        report = self.report()
        if report.started:
            return report.started.job
        text = _read(self.path / "job").strip()
        return int(text) if text.isdecimal() else None

    def owner(self) -> str:
        """Return the id of the session that it was made for; empty when that is not known."""
        return _read(self.path / "owner").strip()

    def report(self) -> Report:
        """Return what the job has reported; nothing when there are no files."""
        text = _read(self.path / "state")
        return parse_report(text[: text.rfind("\n") + 1])

    def screen(self) -> str:
        """Return what the agent's terminal showed when the job looked last."""
        return _read(self.path / "screen")

    def silence(self) -> float | None:
        """Return the seconds since the last beat, by the clock of the file system; None when there was none."""
        try:
            with (self.path / "beat").open("rb") as file:  # opening asks the server; a mere stat may be answered stale
                beat = os.fstat(file.fileno())
            if not beat.st_size and not _read(self.path / "state"):
                return None
            clock = self.name_directory / "clock"
            clock.touch(mode=0o600)
            os.utime(clock)
            return max(0.0, clock.stat().st_mtime - beat.st_mtime)
        except OSError:
            return None


def generation_of(handle: Handle) -> Generation:
    """Return the files of a runtime."""
    return Generation(handle.directory / handle.name / str(handle.generation))


def prepare(directory: Path, name: str) -> Path:
    """Return the directory of a name, made if need be: ours, and closed to everybody else.

    :raises HookError: there is something else in its place, or it cannot be made.
    """
    path = directory / name
    try:
        for place in (directory, path):
            place.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
            status = place.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                raise HookError(f"{place} is not a directory of yours: move it away")
            if status.st_mode & 0o077:
                place.chmod(_PRIVATE)
    except OSError as error:
        raise HookError(f"the directory {path} cannot be used: {error.strerror}") from error
    return path


def names(directory: Path) -> Iterator[Path]:
    """Yield the directories of all names."""
    with contextlib.suppress(OSError):
        yield from sorted(path.parent for path in directory.glob("*/lease"))


def parse_report(text: str) -> Report:
    """Return what the lines of a job's report say; what is not understood is passed over."""
    started, failed, ended = None, None, None
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "started":
            fields = rest.split(" ", 4)
            if len(fields) == 5 and fields[0].isdecimal():  # noqa: PLR2004 - as many as Started has
                started = Started(int(fields[0]), *fields[1:])
        elif word == "failed":
            failed = rest
        elif word == "ended":
            ended = rest
    return Report(started, failed, ended)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read().decode(errors="replace")
    except OSError:
        return ""
