"""Runs pieces of a part side by side, each in a process of its own: most of their time they wait for deadlines."""

from __future__ import annotations

import os
import pickle
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress

from torture.tally import Tally


def spread(tally: Tally, pieces: Sequence[Callable[[Tally], None]]) -> None:
    """Run each piece with a tally of its own, in a forked process, and add up what they counted.

    :raises RuntimeError: a piece failed; its traceback is on standard error.
    """
    sys.stdout.flush()
    begun = [_begin(piece) for piece in pieces]
    failed = 0
    for pid, reading in begun:
        with os.fdopen(reading, "rb") as results:
            data = results.read()
        os.waitpid(pid, 0)
        if not data:
            failed += 1
            continue
        counts, skipped = pickle.loads(data)
        other = Tally()
        other.counts, other.skipped = counts, skipped
        tally.merge(other)
    if failed:
        raise RuntimeError(f"{failed} of {len(begun)} pieces failed; see above")


def _begin(piece: Callable[[Tally], None]) -> tuple[int, int]:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    try:
        tally = Tally()
        piece(tally)
        with os.fdopen(writing, "wb") as results:
            results.write(pickle.dumps((tally.counts, tally.skipped)))
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stderr.flush()
        os._exit(0)
