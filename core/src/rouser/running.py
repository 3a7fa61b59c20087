"""Programs that are run to their end, for what they print."""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

from rouser.ends import await_end

_MILLISECONDS: Final = 1000
_AT_ONCE: Final = 65536  # bytes
_PAUSE: Final = 0.002
_LONG: Final = 3600.0
_DESCRIPTORS: Final = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
_STANDARD: Final = 3


class _LostError(ChildProcessError):
    """Somebody else took the status of a child."""


class Finished(NamedTuple):
    """How a program ended and what it printed."""

    status: int
    output: bytes
    errors: bytes


def run_program(
    command: Sequence[str],
    *,
    seconds: float,
    environment: Mapping[str, str],
    stdin: bytes = b"",
    directory: str | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Finished:
    """Run a program to its end in a session of its own, so that Ctrl-C does not reach it.

    A program that reads nothing and may run anywhere is run without the standard library's ``subprocess``, whose
    import takes as long as a small program.

    :param command: its argv; the first element is looked up in this process's ``PATH``.
    :param seconds: how long it may take; then it is killed, but not what it has started.
    :param environment: all of its variables.
    :param stdin: what it reads.
    :param directory: where it runs. None: where this process is.
    :param meanwhile: called while it runs, before it is waited for.
    :raises TimeoutError: it took longer.
    :raises OSError: it could not be started; :class:`FileNotFoundError`: it is not there. Or it cannot be known how
        it ended: this process ignores the ends of its children, or another thread took this one's status.
    """
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        raise ChildProcessError(errno.ECHILD, "this process ignores SIGCHLD, and so how programs end: let it not")
    if stdin or directory is not None or not hasattr(os, "posix_spawnp"):
        return _by_subprocess(command, seconds, environment, stdin, directory, meanwhile)
    give_up = time.monotonic() + seconds
    with _descriptors() as opened:
        opened.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        opened.extend(os.pipe())
        opened.extend(os.pipe())
        if min(opened) < _STANDARD:  # one of the standard streams is closed, and to put these in place is an art
            return _by_subprocess(command, seconds, environment, stdin, directory, meanwhile)
        null, output, to_output, errors, to_errors = opened
        try:
            pid = os.posix_spawnp(
                command[0],
                list(command),
                environment,
                file_actions=[
                    *((os.POSIX_SPAWN_DUP2, end, number) for number, end in enumerate((null, to_output, to_errors))),
                    *((os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in _inheritable()),
                ],
                setsid=True,
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # which Python ignores, and others should not
            )
        except OSError as error:
            if error.errno != errno.EBADF:  # a number above the limit, which was lowered since, cannot be closed so
                raise
            return _by_subprocess(command, seconds, environment, stdin, directory, meanwhile)
        try:
            for end in (null, to_output, to_errors):
                opened.remove(end)
                os.close(end)
            if meanwhile is not None:
                meanwhile()
            said = _read([output, errors], give_up)
            return Finished(_status(pid, give_up), *said)
        except _LostError:
            raise  # the number may be another's by now
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            _status(pid, time.monotonic() + _LONG)
            raise


def _by_subprocess(
    command: Sequence[str],
    seconds: float,
    environment: Mapping[str, str],
    stdin: bytes,
    directory: str | None,
    meanwhile: Callable[[], object] | None,
) -> Finished:
    import subprocess

    from rouser.child import ChildProcess

    with ChildProcess(
        command,
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=directory,
        start_new_session=True,
    ) as process:
        try:
            if meanwhile is not None:
                meanwhile()
            output, errors = process.communicate(stdin or None, timeout=seconds)
        except BaseException as error:
            process.kill()
            if isinstance(error, subprocess.TimeoutExpired):
                raise TimeoutError("the program took too long") from None
            raise
        return Finished(process.returncode, output, errors)


@contextmanager
def _descriptors() -> Iterator[list[int]]:
    """Close what is in the list in the end."""
    opened: list[int] = []
    try:
        yield opened
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _inheritable() -> Iterator[int]:
    """Yield the descriptors that this process was given by others and that are nobody else's business.

    A tmux server that keeps a lock or a pipe of the script that called rouser would hold that up for ever.
    """
    for name in os.listdir(_DESCRIPTORS):  # noqa: PTH208 - a Path for each takes longer than the rest
        with suppress(OSError):  # the one that was listed by
            if int(name) >= _STANDARD and os.get_inheritable(int(name)):
                yield int(name)


def _read(ends: Sequence[int], give_up: float) -> list[bytes]:
    """Return all that comes through each until it is closed."""
    read: dict[int, list[bytes]] = {end: [] for end in ends}
    poll = select.poll()
    for end in ends:
        poll.register(end, select.POLLIN)
    left = len(ends)
    while left:
        ready = poll.poll(max(0.0, give_up - time.monotonic()) * _MILLISECONDS)
        if not ready:
            raise TimeoutError("the program took too long")
        for end, _ in ready:
            read[end].append(os.read(end, _AT_ONCE))
            if not read[end][-1]:
                poll.unregister(end)
                left -= 1
    return [b"".join(parts) for parts in read.values()]


def _status(pid: int, give_up: float) -> int:
    """Return the status of a child as soon as it has ended."""
    was_told = False
    while True:
        try:
            ended, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            raise _LostError(errno.ECHILD, "it is not known how the program ended: others wait for it") from None
        if ended:
            return os.waitstatus_to_exitcode(status)
        left = give_up - time.monotonic()
        if left <= 0:
            raise TimeoutError("the program took too long")
        if was_told or not await_end(pid, left):
            time.sleep(_PAUSE)  # one that is traced has ended for a moment before its parent may know its status
        was_told = True
