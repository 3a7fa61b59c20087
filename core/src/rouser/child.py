"""Child processes that are waited for without polling."""

from __future__ import annotations

import subprocess
import time

from rouser.ends import await_end


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
        await_end(self.pid, timeout)
        try:
            # One that is traced has ended for a moment before its parent may know its status.
            return super().wait(max(give_up - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            raise subprocess.TimeoutExpired(self.args, timeout) from None
