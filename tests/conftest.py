"""How many tests run side by side."""

from __future__ import annotations

import os

_EACH = 2


def pytest_xdist_auto_num_workers() -> int:
    """Run two for each processor: most of what a test does is to wait for processes that are not its own."""
    return _EACH * len(os.sched_getaffinity(0))
