"""How many tests run side by side, and that Ctrl-C reaches the programs that they start."""

from __future__ import annotations

import os
import signal

_EACH = 2


def pytest_xdist_auto_num_workers() -> int:
    """Run two for each processor: most of what a test does is to wait for processes that are not its own."""
    return _EACH * len(os.sched_getaffinity(0))


def pytest_configure() -> None:
    """Let interrupts count again: a shell lets what it runs in the background ignore them, and so all its children."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
