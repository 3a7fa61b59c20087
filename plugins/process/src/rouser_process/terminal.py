"""Start a program on a new terminal of its own."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
import struct
import termios
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn

_FAILED: Final = 127


class StartError(Exception):
    """The program was not started; the message says why."""


class Terminal:
    """A pseudo-terminal and the program that runs on it, which leads a session of its own.

    :ivar master: the descriptor that reads what is shown and writes what is typed; it does not block.
    :ivar pid: the program's process.
    :raises StartError: there is no such directory or program, or it cannot be executed.
    """

    def __init__(
        self, command: Sequence[str], cwd: str, env: Mapping[str, str], *, rows: int, columns: int, umask: int
    ) -> None:
        try:
            # The slave stays open here, or else the master would fail whenever the program closes its own.
            self.master, self._slave = os.openpty()
        except OSError as error:
            raise StartError(f"there is no terminal to be had: {error.strerror}") from error
        self.resize(rows, columns)
        reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _become(command, cwd, env, self._slave, writer, umask)
        os.close(writer)
        with os.fdopen(reader, "rb") as failure:
            said = failure.read()
        if said:
            os.waitpid(self.pid, 0)
            raise StartError(said.decode(errors="replace"))
        os.set_blocking(self.master, False)

    def resize(self, rows: int, columns: int) -> None:
        """Give the terminal a size, and make the program draw itself anew.

        Of a size that it has already, the kernel tells the program nothing, but one who attaches wants to see it.
        """
        new, old = struct.pack("HHHH", rows, columns, 0, 0), bytes(8)
        is_another = fcntl.ioctl(self.master, termios.TIOCGWINSZ, old) != new
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, new)
        if not is_another:
            with contextlib.suppress(OSError):
                os.killpg(os.tcgetpgrp(self.master), signal.SIGWINCH)

    def read(self) -> bytes | None:
        """Return what was shown; empty when there is nothing now, None when there never will be."""
        try:
            return os.read(self.master, 65536)
        except BlockingIOError:
            return b""
        except OSError as error:
            if error.errno == errno.EIO:
                return None
            raise

    def write(self, data: memoryview) -> int:
        """Type as much of ``data`` as the terminal takes now, and return how much that is."""
        try:
            return os.write(self.master, data)
        except BlockingIOError:
            return 0

    def let_go(self) -> None:
        """Close our own side of what the program has: once nobody has it, ``read`` says that this is the end."""
        os.close(self._slave)

    def hang_up(self) -> None:
        """Tell what still runs in the foreground of the terminal that it is gone."""
        with contextlib.suppress(OSError):
            os.close(self.master)


def _become(command: Sequence[str], cwd: str, env: Mapping[str, str], slave: int, failure: int, umask: int) -> NoReturn:
    """Turn this process, which was just forked, into the program; ``failure`` is closed by that."""
    complaint = f"the directory {cwd} cannot be used"
    try:
        os.login_tty(slave)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            with contextlib.suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.umask(umask)
        os.chdir(cwd)
        complaint = f"{command[0]!r} cannot be executed"
        os.execvpe(command[0], list(command), dict(env))  # noqa: S606 - an argv, as it was handed over
    except OSError as error:
        complaint = f"{complaint}: {error.strerror}"
    except BaseException as error:
        complaint = f"{complaint}: {error}"
    finally:
        os.write(failure, complaint.encode(errors="replace"))
        os._exit(_FAILED)
