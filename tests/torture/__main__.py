"""``python -m torture [--quick] [PART...]``: breaks everything, everywhere, and counts what did not hold.

A part is a module of this package with ``TITLE``, one line, and ``run(tally, quick)``. The figures go to standard
output as a table, and to ``build/torture.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torture.schedule import PARTS, Outcome, run_parts

ROOT = Path(__file__).parents[2]
_SHOWN = 12


def main() -> int:
    parser = argparse.ArgumentParser(prog="torture", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few cases of each kind")
    parser.add_argument(
        "--again", action="store_true", help="try a part that broke a promise once more, and count that"
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return torture(options.parts or PARTS, quick=options.quick, again=options.again)


def torture(parts: Sequence[str], *, quick: bool, again: bool = False) -> int:
    """Run ``parts`` and return the exit code: 1 if a promise was broken, or nothing tried without a reason.

    :param again: whether a part in which one was broken is run a second time, whose outcome counts.
    """
    started = time.monotonic()
    outcomes = _run(parts, quick=quick)
    broken = [part for part in parts if outcomes[part].violations]
    if again and broken:
        print(f"once more: {', '.join(broken)}", flush=True)
        outcomes |= _run(broken, quick=quick)
    ordered = [outcomes[part] for part in PARTS if part in outcomes]
    figures = [figure for outcome in ordered for figure in _figures(outcome)]
    cases, violations = (sum(figure[key] for figure in figures) for key in ("cases", "violations"))
    seconds = time.monotonic() - started
    for outcome in ordered:
        print(f"{outcome.seconds:>6.0f} s, of processors {outcome.computed:>5.0f} s  {outcome.part}")
    print(f"{seconds:>6.0f} s, {cases} cases, {violations} violations")
    written = ROOT / "build" / "torture.json"
    written.parent.mkdir(exist_ok=True)
    written.write_text(json.dumps({"quick": quick, "seconds": seconds, "figures": figures}, indent=1) + "\n")
    idle = [outcome for outcome in ordered if not outcome.tally.counts and not outcome.tally.skipped]
    return 1 if violations or idle else 0


def _run(parts: Sequence[str], *, quick: bool) -> dict[str, Outcome]:
    """Run parts, tell of each when it ends, and return what they did by their names."""
    print(f"{', '.join(parts)}: each is told of when it ends", flush=True)
    outcomes = {}
    for outcome in run_parts(parts, quick=quick):
        _tell(outcome)
        outcomes[outcome.part] = outcome
    return outcomes


def _tell(outcome: Outcome) -> None:
    print(f"{outcome.part}: {outcome.title}")
    for promise, count in outcome.tally.counts.items():
        print(f"  {count.cases:>7} cases  {len(count.violations):>3} violations  {promise}")
        if count.late:
            print(f"          {count.late} more were kept, but too late to count, as the machine was busy")
        for violation in count.violations[:_SHOWN]:
            print(f"           VIOLATION {violation}")
    for reason in outcome.tally.skipped:
        print(f"  NOT TRIED: {reason}")
    print(f"  in {outcome.seconds:.0f} s", flush=True)


def _figures(outcome: Outcome) -> list[dict[str, Any]]:
    return [
        {
            "part": outcome.part,
            "promise": promise,
            "cases": count.cases,
            "violations": len(count.violations),
            "broken": count.violations,
        }
        for promise, count in outcome.tally.counts.items()
    ]


if __name__ == "__main__":
    sys.exit(main())
