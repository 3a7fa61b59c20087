"""The processes that were started for a session, known by a variable in their environment, wherever they are now."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

# What an agent gets to end itself, and then the kernel to end it.
_PATIENCE: Final = 2.0
_MILLISECONDS: Final = 1000


def is_process_of(session_id: str, pid: int) -> bool:
    """Return whether a process was started for a session, by the ``ROUSER_SESSION_ID`` that it was started with.

    False where that cannot be read: without a ``/proc`` (environ(5)), or of another user's process.

    :raises OSError: it cannot be known, for want of descriptors for one.
    """
    mark = f"ROUSER_SESSION_ID={session_id}".encode()
    try:
        return mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


def end_process_of(session_id: str, pid: int) -> None:
    """End a process that was started for a session, and return when it is gone; never another that has its pid by now.

    :raises OSError: it is still there 2 seconds after SIGTERM, and another 2 after SIGKILL, or cannot be looked at.
    """
    import signal  # needed only where something is left

    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if not is_process_of(session_id, pid):
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, number)
            if _is_ready(descriptor, _PATIENCE):
                return
    finally:
        os.close(descriptor)
    raise OSError(f"process {pid} does not end")


def _is_ready(descriptor: int, seconds: float) -> bool:
    """Wait until there is something to read, or the time is over."""
    import select

    if not hasattr(select, "poll"):
        return bool(select.select([descriptor], [], [], seconds)[0])
    poll = select.poll()  # select() takes no number above 1023
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(seconds * _MILLISECONDS))
