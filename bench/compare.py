"""``python -m bench.compare OLD NEW``: two runs side by side, as ratios, since machines differ and change."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bench.__main__ import DIRECTORY


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="two results; the two newest by default")
    files = parser.parse_args().files or sorted(DIRECTORY.glob("*.json"), key=lambda file: file.stat().st_mtime)[-2:]
    if len(files) != len(("old", "new")):
        parser.error(f"two results are compared, and there are {len(files)}; run make bench at both commits")
    print("\n".join(compare(*(json.loads(file.read_text()) for file in files))))
    return 0


def compare(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return the lines of a table; a ratio has changed if the quartiles of the two runs do not overlap."""
    lines = [f"{'old':>8} {'new':>8} {'change':>8}  {old['revision']} and {new['revision']}"]
    for group, ratios in new["ratios"].items():
        before = {_key(ratio): ratio["ratio"] for ratio in old["ratios"].get(group, [])}
        for ratio in ratios:
            low, middle, high = ratio["ratio"]
            if (was := before.get(_key(ratio))) is None:
                continue
            verdict = "better" if high < was[0] else "WORSE" if low > was[2] else "the same"
            change = f"{(middle / was[1] - 1) * 100:+.0f} %"
            what = f"{ratio['work']} ÷ {ratio['floor']} ({ratio['quantity']})"
            lines.append(f"{was[1]:>8.2f} {middle:>8.2f} {change:>8}  {verdict:<8}  {group}: {what}")
    return lines


def _key(ratio: dict[str, Any]) -> tuple[str, str, str]:
    return ratio["work"], ratio["floor"], ratio["quantity"]


if __name__ == "__main__":
    sys.exit(main())
