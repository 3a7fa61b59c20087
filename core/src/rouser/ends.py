"""When child processes end: told by the system, not looked for now and then."""

from __future__ import annotations

import os
import select
import sys
from typing import Final

_MILLISECONDS: Final = 1000


def await_end(pid: int, seconds: float) -> bool:
    """Wait until a child has ended or the time is over, where the system can tell: on Linux, since 5.3.

    :returns: whether it was waited for.
    """
    if sys.platform != "linux":
        return False
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        end = select.poll()
        end.register(descriptor, select.POLLIN)
        end.poll(seconds * _MILLISECONDS)
    finally:
        os.close(descriptor)
    return True
