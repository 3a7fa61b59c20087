"""``python -m torture [--quick] [PART...]``: breaks everything, everywhere, and counts what did not hold.

A part is a module of this package with ``TITLE``, one line, and ``run(tally, quick)``. The figures go to standard
output as a table, and to ``build/torture.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from importlib import import_module
from pathlib import Path

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

ROOT = Path(__file__).parents[2]
_SHOWN = 12


def main() -> int:
    parser = argparse.ArgumentParser(prog="torture", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few cases of each kind")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return torture(options.parts or PARTS, quick=options.quick)


def torture(parts: list[str] | tuple[str, ...], *, quick: bool) -> int:
    """Run ``parts`` and return the exit code: 1 if a promise was broken or nothing was tried."""
    figures, started = [], time.monotonic()
    for part in parts:
        module, tally, begun = import_module(f"torture.{part}"), Tally(), time.monotonic()
        print(f"{part}: {module.TITLE}", flush=True)
        module.run(tally, quick)
        for promise, count in tally.counts.items():
            print(f"  {count.cases:>7} cases  {len(count.violations):>3} violations  {promise}", flush=True)
            for violation in count.violations[:_SHOWN]:
                print(f"           VIOLATION {violation}", flush=True)
            figures.append(
                {
                    "part": part,
                    "promise": promise,
                    "cases": count.cases,
                    "violations": len(count.violations),
                    "broken": count.violations,
                }
            )
        for reason in tally.skipped:
            print(f"  NOT TRIED: {reason}", flush=True)
        print(f"  in {time.monotonic() - begun:.0f} s", flush=True)
    cases, violations = (sum(figure[key] for figure in figures) for key in ("cases", "violations"))
    print(f"{cases} cases, {violations} violations in {time.monotonic() - started:.0f} s")
    written = ROOT / "build" / "torture.json"
    written.parent.mkdir(exist_ok=True)
    written.write_text(json.dumps({"quick": quick, "figures": figures}, indent=1) + "\n")
    return 1 if violations or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
