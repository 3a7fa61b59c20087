"""Counts what was tried and what broke, promise by promise."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Count:
    """How often a promise was put to the test, and each time that it was broken, in words."""

    cases: int = 0
    violations: list[str] = field(default_factory=list)


class Tally:
    """What a part of the torture found; usable from several threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self.counts: dict[str, Count] = {}
        self.skipped: list[str] = []

    def case(self, promise: str, violation: str | None = None) -> None:
        """Count one case of ``promise``, a sentence; ``violation`` says how it was broken, if it was."""
        with self._guard:
            count = self.counts.setdefault(promise, Count())
            count.cases += 1
            if violation is not None:
                count.violations.append(violation)

    def skip(self, reason: str) -> None:
        """Say that something could not be tried on this machine, and why."""
        with self._guard:
            self.skipped.append(reason)

    def merge(self, other: Tally) -> None:
        """Add what another tally counted."""
        with self._guard:
            for promise, counted in other.counts.items():
                count = self.counts.setdefault(promise, Count())
                count.cases += counted.cases
                count.violations += counted.violations
            self.skipped += other.skipped

    def check(self, promise: str, kept: object, violation: str) -> None:
        """Count one case, which is a violation unless ``kept`` is true."""
        self.case(promise, None if kept else violation)

    @contextmanager
    def guarded(self, promise: str, what: str) -> Iterator[None]:
        """Count one case, which is a violation if the block raises; the exception goes no further."""
        try:
            yield
        except Exception as error:
            self.case(promise, f"{what}: {type(error).__name__}: {error}")
        else:
            self.case(promise)
