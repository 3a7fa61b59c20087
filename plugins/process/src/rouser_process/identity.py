"""Tell processes apart by pid and start time, as ``proc(5)`` shows them; the supervisor uses this too.

All of this raises :class:`OSError` where ``/proc`` cannot be read, for want of descriptors for one: what cannot be
seen has not ended.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

PROC: Final = Path("/proc")
ENDED: Final = frozenset("ZXx")


class Stat(NamedTuple):
    """Some fields of ``/proc/PID/stat``."""

    state: str
    parent: int
    session: int
    start: str


@dataclass(frozen=True, slots=True)
class Process:
    """One process, never mistaken for a later one with the same pid.

    :ivar pid: its process id.
    :ivar start: when it started, in ticks since the boot that is named behind the dot.
    """

    pid: int
    start: str

    @classmethod
    def identify(cls, pid: int) -> Process:
        """Return the process that has this pid now, a zombie included."""
        stat = read_stat(pid)
        return cls(pid, stat.start if stat else "")

    def runs(self) -> bool:
        """Return whether it still runs; a zombie does not, nor does one of an earlier boot."""
        stat = read_stat(self.pid)
        return stat is not None and stat.start == self.start and stat.state not in ENDED

    @property
    def is_of_this_boot(self) -> bool:
        """Whether it was started since the machine was; those of an earlier boot are all gone."""
        return self.start.rpartition(".")[2] == _boot()

    def send(self, number: signal.Signals) -> None:
        """Signal the process if it still runs, and never another one that got its pid."""
        with contextlib.suppress(ProcessLookupError, PermissionError):  # the caller looks at what is left
            handle = os.pidfd_open(self.pid)
            try:
                if self.runs():
                    signal.pidfd_send_signal(handle, number)
            finally:
                os.close(handle)


def read_stat(pid: int) -> Stat | None:
    """Return what is known of a process; None when there is none with this pid."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - read hundreds of times in a row
            # The command's name may hold spaces and parentheses; the last parenthesis ends it.
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Stat(fields[0].decode(), int(fields[1]), int(fields[3]), f"{fields[19].decode()}.{_boot()}")


@functools.cache
def _boot() -> str:
    """Return a few letters that differ from boot to boot: ticks start from zero in each."""
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text()[:8]
    except (FileNotFoundError, PermissionError):
        return "0"
