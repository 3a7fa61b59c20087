"""Figures: medians with quartiles, ratios against floors, and the limits that they are held against."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bench.rounds import Samples

SECONDS: Final = "seconds"
MEMORY: Final = "memory"


@dataclass(frozen=True)
class Limit:
    """A ratio that should be reached.

    :ivar work: name of the work.
    :ivar floor: name of the work that it is held against.
    :ivar at_most: the ratio. None: there is no limit, the ratio just tells something.
    :ivar quantity: ``seconds`` or ``memory``.
    """

    work: str
    floor: str
    at_most: float | None = None
    quantity: str = SECONDS


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the lower quartile, the median and the upper quartile."""
    if len(values) == 1:
        return (values[0],) * 3
    lower, middle, upper = statistics.quantiles(values, n=4, method="inclusive")
    return lower, middle, upper


@dataclass
class Figures:
    """All figures of a run."""

    machine: Mapping[str, str]
    revision: str
    quick: bool
    works: dict[str, dict[str, Any]] = field(default_factory=dict)
    ratios: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, group: str, results: Mapping[str, Samples], limits: Sequence[Limit]) -> None:
        """Take in the samples of a group."""
        self.works[group] = {
            name: {
                SECONDS: list(quartiles(samples.seconds)),
                MEMORY: list(quartiles(samples.memory)),
                "rounds": len(samples.seconds),
            }
            for name, samples in results.items()
        }
        self.ratios[group] = [_ratio(limit, results) for limit in limits if {limit.work, limit.floor} <= results.keys()]

    def document(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "machine": dict(self.machine),
            "revision": self.revision,
            "quick": self.quick,
            "works": self.works,
            "ratios": self.ratios,
        }

    def heading(self) -> str:
        """Return what was measured on, a line."""
        return f"{self.revision} on " + ", ".join(f"{name} {value}" for name, value in self.machine.items())

    def table(self, group: str, title: str) -> Iterator[str]:
        """Yield the lines of a group's table."""
        yield f"\n{group}: {title}"
        yield f"  {'median':>9} {'quartiles':>19} {'memory':>8}"
        for name, work in self.works[group].items():
            lower, middle, upper = (value * 1000 for value in work[SECONDS])
            memory = f"{work[MEMORY][1] / 1024:.0f} MiB" if work[MEMORY][1] else ""
            yield f"  {middle:>6.1f} ms {f'{lower:.1f} to {upper:.1f}':>19} {memory:>8}  {name}"
        for ratio in self.ratios[group]:
            lower, middle, upper = ratio["ratio"]
            limit = ratio["at_most"]
            verdict = "" if limit is None else f"at most {limit:g}: {'reached' if middle <= limit else 'NOT REACHED'}"
            what = f"{ratio['work']} ÷ {ratio['floor']}" + (" (memory)" if ratio["quantity"] == MEMORY else "")
            yield f"  {middle:>9.2f} {f'{lower:.2f} to {upper:.2f}':>19}           {what}  {verdict}".rstrip()


def _ratio(limit: Limit, results: Mapping[str, Samples]) -> dict[str, Any]:
    above, below = (getattr(results[name], limit.quantity) for name in (limit.work, limit.floor))
    return {
        "work": limit.work,
        "floor": limit.floor,
        "quantity": limit.quantity,
        "at_most": limit.at_most,
        "ratio": list(quartiles([one / other for one, other in zip(above, below, strict=True)])),
    }
