"""What can befall the bytes of a file: cut, flipped, zeroed, exchanged."""

from __future__ import annotations

import random
from collections.abc import Iterator

PAGE = 4096
"""Bytes of a page of SQLite's."""

_FLIPS = 3000
_CUTS = 300


def damages(data: bytes, chance: random.Random, share: int) -> Iterator[tuple[str, bytes]]:
    """Yield in words what was done to ``data``, and what it is then.

    :param share: how many times fewer than thousands.
    """
    for end in range(0, len(data), PAGE):
        yield f"cut at page {end // PAGE}", data[:end]
    for end in sorted(chance.sample(range(len(data)), _CUTS // share)):
        yield f"cut at byte {end}", data[:end]
    for _ in range(_FLIPS // share):
        yield flipped(data, chance)
    for _ in range(_CUTS // share):
        position, length = chance.randrange(len(data)), chance.choice((8, 64, 512, PAGE))
        zeroed = data[:position] + bytes(length) + data[position + length :]
        yield f"{length} bytes zeroed at {position}", zeroed[: len(data)]
    for _ in range(_CUTS // share):
        one, other = chance.sample(range(len(data) // PAGE), 2)
        pages = [data[start : start + PAGE] for start in range(0, len(data), PAGE)]
        pages[one], pages[other] = pages[other], pages[one]
        yield f"pages {one} and {other} swapped", b"".join(pages)


def flipped(data: bytes, chance: random.Random) -> tuple[str, bytes]:
    """Return in words which bit was changed, and the data with it."""
    position, bit = chance.randrange(len(data)), chance.randrange(8)
    changed = data[:position] + bytes([data[position] ^ 1 << bit]) + data[position + 1 :]
    return f"bit {bit} of byte {position} flipped", changed
