"""Works that take turns: each measured once a round, after a round that warms up and is not counted."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Final

_QUICK_SHARE: Final = 3


@dataclass(frozen=True, kw_only=True)
class Work:
    """One thing whose cost is measured.

    :ivar run: does it, and returns the peak memory of its processes in KiB; 0 when that says nothing.
    :ivar before: makes things ready for ``run``, each time anew, not measured.
    :ivar after: checks that ``run`` did it, and clears up; not measured.
    """

    run: Callable[[], int]
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None


@dataclass
class Samples:
    """What was measured of one work, round by round: seconds, and peak memory in KiB."""

    seconds: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)


def measure(group: ModuleType, scratch: Path, *, quick: bool) -> Mapping[str, Samples]:
    """Return the samples of each work in a group, by its name."""
    rounds = max(3, group.ROUNDS // _QUICK_SHARE) if quick else group.ROUNDS
    with ExitStack() as stack:
        works: Mapping[str, Work] = group.works(scratch, stack)
        samples = {name: Samples() for name in works}
        for number in range(rounds + 1):
            for name, work in works.items():
                work.before()
                gc.collect()
                begun = time.perf_counter()
                memory = work.run()
                seconds = time.perf_counter() - begun
                work.after()
                if number:
                    samples[name].seconds.append(seconds)
                    samples[name].memory.append(memory)
    return samples
