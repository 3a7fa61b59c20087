"""An agent that leaves a trace of its whole life, and what the traces of a session say.

Each process writes to a file of its own, so that nothing depends on who may write where; the times are those of
one monotonic clock, as all nodes of the private cluster are one machine.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

AGENT = """\
import os, pathlib, sys, time
session = os.environ["ROUSER_SESSION_ID"]
work = pathlib.Path("work.txt")
if not work.exists():
    work.write_text(f"not committed, of {session}")
print("agent up", flush=True)
trace = os.open(os.path.join(os.environ["WITNESS"], f"{session}.{os.getpid()}"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
while True:
    os.write(trace, b"%.3f\\n" % time.monotonic())
    time.sleep(0.05)
"""


@dataclass(frozen=True)
class Life:
    """The first and the last moment at which a process of a session is known to have lived."""

    pid: int
    first: float
    last: float


def lives(directory: Path, session_id: str) -> list[Life]:
    """Return the lives of a session's agents, the earliest first."""
    found = []
    for path in directory.glob(f"{session_id}.*"):
        moments = path.read_text().split()
        if moments:
            found.append(Life(int(path.suffix[1:]), float(moments[0]), float(moments[-1])))
    return sorted(found, key=lambda life: life.first)


def living(directory: Path, session_id: str) -> list[int]:
    """Return the processes of a session that run now."""
    return [life.pid for life in lives(directory, session_id) if _runs(life.pid, session_id)]


def overlaps(directory: Path, session_id: str) -> list[str]:
    """Return each pair of lives of which the second began before the first was over."""
    found = lives(directory, session_id)
    return [
        f"{session_id[:8]}: process {later.pid} began {earlier.last - later.first:.3f} s before {earlier.pid} ended"
        for earlier, later in pairwise(found)
        if later.first <= earlier.last
    ]


def _runs(pid: int, session_id: str) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return state not in "ZX" and os.fsencode(session_id) in environment
