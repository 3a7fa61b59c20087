"""Child processes that are waited for without polling."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

_MILLISECONDS = 1000


class ChildProcess(subprocess.Popen[bytes]):
    """A ``Popen`` whose waits end when the process does.

    The waits of the standard library that have a timeout look at the process now and then, up to 50 ms apart, so
    that a git or a tmux that takes 10 ms is noticed after 15.
    """

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the process to end and return its status.

        :param timeout: how long to wait, in seconds. None: for as long as it takes.
        :raises subprocess.TimeoutExpired: it still runs.
        """
        if timeout is None or timeout <= 0 or self.returncode is not None:
            return super().wait(timeout)
        give_up = time.monotonic() + timeout
        self._await_end(timeout)
        try:
            # One that is traced has ended for a moment before its parent may know its status.
            return super().wait(max(give_up - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            raise subprocess.TimeoutExpired(self.args, timeout) from None

    def _await_end(self, seconds: float) -> None:
        """Wait until the process has ended or the time is over, where the system can tell: on Linux, since 5.3."""
        if sys.platform != "linux":
            return
        try:
            descriptor = os.pidfd_open(self.pid)
        except OSError:
            return
        try:
            end = select.poll()
            end.register(descriptor, select.POLLIN)
            end.poll(seconds * _MILLISECONDS)
        finally:
            os.close(descriptor)


class Finished(NamedTuple):
    """How a program ended and what it printed."""

    status: int
    output: bytes
    errors: bytes


def run_program(
    command: Sequence[str], *, seconds: float, environment: Mapping[str, str], stdin: bytes = b""
) -> Finished:
    """Run a program to its end in the root directory and a session of its own, so that Ctrl-C does not reach it.

    :param command: its argv; the first element is looked up in this process's ``PATH``.
    :param seconds: how long it may take; then it is killed, but not what it has started.
    :param environment: all of its variables.
    :param stdin: what it reads.
    :raises subprocess.TimeoutExpired: it took longer.
    :raises OSError: it could not be started; :class:`FileNotFoundError`: it is not there.
    """
    with ChildProcess(
        command,
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd="/",
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate(stdin or None, timeout=seconds)
        except BaseException:
            process.kill()
            raise
        return Finished(process.returncode, output, errors)
