"""Runs the parts, one that computes beside one that waits, so that no processor is idle for long."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from importlib import import_module

from torture.spreading import RAN, hand_out, side_by_side
from torture.tally import Tally

PARTS: tuple[str, ...] = (
    "killed",
    "failing",
    "damaged",
    "concurrent",
    "backends",
    "plugins",
    "trust",
    "work",
    "hostile",
    "secrets",
    "processes",
    "time",
)
"""The parts, in the order in which they are run."""

_WAITING = {"backends", "plugins", "processes", "time"}
"""Those that wait for deadlines most of their time."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a part counted, and what it cost.

    :ivar seconds: how long it took.
    :ivar computed: how many seconds of processors it used, without what servers of its own did.
    """

    part: str
    title: str
    tally: Tally
    seconds: float
    computed: float

    @property
    def violations(self) -> int:
        """How often a promise was broken."""
        return sum(len(count.violations) for count in self.tally.counts.values())


def run_parts(parts: Sequence[str], *, quick: bool) -> Iterator[Outcome]:
    """Run each part in a process of its own, and yield what it did as soon as it ends."""
    lanes = [[part for part in parts if (part in _WAITING) is waits] for waits in (False, True)]
    yield from hand_out([lane[::-1] for lane in lanes if lane], partial(_run, quick), nullcontext)


def _run(quick: bool, _: None, part: str) -> Outcome:
    module, tally = import_module(f"torture.{part}"), Tally()
    begun, used = time.monotonic(), _computed()
    try:
        side_by_side(tally, [partial(module.run, quick=quick)])
    except RuntimeError as error:
        tally.case(RAN, f"{part}: {error}")
    return Outcome(part, module.TITLE, tally, time.monotonic() - begun, _computed() - used)


def _computed() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
