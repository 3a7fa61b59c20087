"""What ``rouser doctor`` tells of this runtime's needs: processes that can be seen, terminals, a private directory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from rouser import Diagnosis, HookError
from rouser_process.identity import PROC, read_stat
from rouser_process.places import make_private


def missing() -> str | None:
    """Return what of this system's is missing; None when nothing is."""
    if read_stat(os.getpid()) is None or not hasattr(os, "pidfd_open"):
        return f"this system does not show its processes in {PROC}, as Linux does"
    try:
        for descriptor in os.openpty():
            os.close(descriptor)
    except OSError as error:
        return f"there is no terminal to be had: {error.strerror}; is /dev/pts mounted?"
    return None


def diagnose(base: Path) -> Iterator[Diagnosis]:
    """Yield the findings."""
    reason = missing()
    if reason is None:
        yield Diagnosis(subject="terminals", ok=True, message="processes can be seen, and terminals made")
    else:
        yield Diagnosis(subject="terminals", ok=False, message=reason, remedy="use another runtime")
    try:
        make_private(base)
    except HookError as error:
        yield Diagnosis(subject="runtimes", ok=False, message=str(error), remedy="make it yours, with mode 0700")
    else:
        yield Diagnosis(subject="runtimes", ok=True, message=f"{base} is private")
