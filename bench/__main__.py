"""``python -m bench [--quick] [GROUP...]``: times each kind of work in turns, and prints ratios against floors.

Each figure is one whole process from its start to its end, unless its group says otherwise. All works of a group
take turns, round by round, so that what else the machine does meets all of them alike; a ratio is the median of
the rounds' own ratios. The figures go to standard output as a table and to ``build/bench`` as JSON.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from pathlib import Path

from bench.figures import Figures
from bench.machine import describe, revision
from bench.rounds import measure

GROUPS = ("startup", "listing", "one", "killed", "many", "inside", "growth", "thousand")
"""The groups, in the order in which they are run: modules of this package with ``TITLE`` and ``works``."""

_LONG = ("growth", "thousand")

DIRECTORY = Path(__file__).parents[1] / "build" / "bench"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a third of the rounds, without growth and the thousand")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}; all by default")
    options = parser.parse_args()
    if unknown := set(options.groups) - set(GROUPS):
        parser.error(f"no such group: {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    chosen = options.groups or [name for name in GROUPS if not (options.quick and name in _LONG)]
    figures = Figures(machine=describe(), revision=revision(), quick=options.quick)
    print(figures.heading(), flush=True)
    for name in chosen:
        group = importlib.import_module(f"bench.{name}")
        with tempfile.TemporaryDirectory(prefix="rouser-bench-") as scratch:
            results = measure(group, Path(scratch), quick=options.quick)
        figures.add(name, results, group.LIMITS)
        print("\n".join(figures.table(name, group.TITLE)), flush=True)
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    written = DIRECTORY / f"{figures.revision}.json"
    written.write_text(json.dumps(figures.document(), indent=1) + "\n")
    print(f"written to {written.relative_to(Path.cwd()) if written.is_relative_to(Path.cwd()) else written}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
