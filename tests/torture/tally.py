"""Counts what was tried and what broke, promise by promise."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from torture.crowding import Clock


@dataclass(slots=True)
class Count:
    """How often a promise was put to the test, and each time that it was broken, in words.

    :ivar late: how often it was kept but for the time, by less than the machine was slowed down by other things;
        these are no cases.
    """

    cases: int = 0
    violations: list[str] = field(default_factory=list)
    late: int = 0


class Tally:
    """What a part of the torture found."""

    def __init__(self) -> None:
        self.counts: dict[str, Count] = {}
        self.skipped: list[str] = []

    def case(self, promise: str, violation: str | None = None) -> None:
        """Count one case of ``promise``, a sentence; ``violation`` says how it was broken, if it was.

        A violation is told at once on standard error, as what comes after it may take long.
        """
        count = self.counts.setdefault(promise, Count())
        count.cases += 1
        if violation is not None:
            count.violations.append(violation)
            sys.stderr.write(f"VIOLATION {violation}\n")

    def skip(self, reason: str) -> None:
        """Say that something could not be tried on this machine, and why."""
        if reason not in self.skipped:
            self.skipped.append(reason)

    def merge(self, other: Tally) -> None:
        """Add what another tally counted."""
        for promise, counted in other.counts.items():
            count = self.counts.setdefault(promise, Count())
            count.cases += counted.cases
            count.violations += counted.violations
            count.late += counted.late
        for reason in other.skipped:
            self.skip(reason)

    def check(self, promise: str, kept: object, violation: str) -> None:
        """Count one case, which is a violation unless ``kept`` is true."""
        self.case(promise, None if kept else violation)

    def check_in_time(self, promise: str, kept: object, clock: Clock, seconds: float, violation: str) -> None:
        """Count one case, which is a violation unless ``kept`` is true and no more than ``seconds`` were taken."""
        if kept and seconds <= clock.taken < seconds * clock.crowding:
            self.counts.setdefault(promise, Count()).late += 1
        else:
            self.check(promise, kept and clock.taken < seconds, f"{violation} (it took {clock.taken:.1f} s)")

    @contextmanager
    def guarded(self, promise: str, what: str) -> Iterator[None]:
        """Count one case, which is a violation if the block raises; the exception goes no further."""
        try:
            yield
        except Exception as error:
            self.case(promise, f"{what}: {type(error).__name__}: {error}")
        else:
            self.case(promise)
