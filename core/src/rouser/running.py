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
_SHELL: Final = "/bin/sh"
_OF_THE_SHELL: Final = ("PWD", "OLDPWD", "SHLVL")  # what one or another exports that nobody has asked for


class _LostError(ChildProcessError):
    """Somebody else took the status of a child."""


class Finished(NamedTuple):
    """How a program ended and what it printed."""

    status: int
    output: bytes
    errors: bytes


class RunningProgram:
    """A program that was started and is still to be waited for, see :func:`start_program`."""

    def finish(self, stdin: bytes = b"", *, seconds: float, meanwhile: Callable[[], object] | None = None) -> Finished:
        """Wait for its end, and return how that was and what it printed.

        :param stdin: what it reads, if it was started to read something.
        :param seconds: how long it may take from now on; then it is killed, but not what it has started.
        :param meanwhile: called before it is waited for.
        :raises TimeoutError: it took longer.
        :raises OSError: it cannot be known how it ended: another thread took its status.
        """
        raise NotImplementedError

    def end(self) -> None:
        """Kill it, in place of waiting for it."""
        raise NotImplementedError


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
    give_up = time.monotonic() + seconds
    program = start_program(command, environment=environment, reads=bool(stdin), directory=directory)
    return program.finish(stdin, seconds=give_up - time.monotonic(), meanwhile=meanwhile)


def start_program(
    command: Sequence[str], *, environment: Mapping[str, str], reads: bool = False, directory: str | None = None
) -> RunningProgram:
    """Start a program as :func:`run_program` does, and return while it runs.

    The standard library's ``subprocess`` is for where nothing else will do: its import takes as long as a small
    program.

    :param reads: whether it is told something in the end; should this process end before, it reads nothing.
    :raises OSError: it could not be started; :class:`FileNotFoundError`: it is not there. Or it could not be known
        how it ends: this process ignores the ends of its children.
    """
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        raise ChildProcessError(errno.ECHILD, "this process ignores SIGCHLD, and so how programs end: let it not")
    if hasattr(os, "posix_spawnp"):
        there = command if directory is None else _command_in(directory, command, environment)
        if (spawned := _spawn(there, environment, reads=reads)) is not None:
            return spawned
    return _Child(command, environment, reads=reads, directory=directory)


def _command_in(directory: str, command: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Return the argv of a shell that becomes the program there: ``posix_spawn`` cannot choose a directory.

    :raises OSError: what the shell would only print, see :func:`start_program`.
    """
    place = os.path.abspath(directory)  # noqa: PTH100 - pathlib looks at what is there
    os.stat(os.path.join(place, ""))  # noqa: PTH116, PTH118 - it is there, and is a directory
    own = [name for name in _OF_THE_SHELL if name not in environment]
    script = f'cd "$0" && unset {" ".join(own)} && exec "$@"'
    return [_SHELL, "-c", script, place, _found(command[0], place), *command[1:]]


def _found(program: str, place: str) -> str:
    """Return the path of a program that is run in a directory.

    :raises FileNotFoundError: there is none.
    :raises PermissionError: what there is cannot be executed.
    """
    places = [place] if "/" in program else os.get_exec_path()
    paths = [os.path.join(place, where, program) for where in places]  # noqa: PTH118 - there may be many
    there = [path for path in paths if os.path.isfile(path)]  # noqa: PTH113
    for path in there:
        if os.access(path, os.X_OK):
            return path
    number = errno.EACCES if there else errno.ENOENT
    raise OSError(number, os.strerror(number), program)


def _spawn(command: Sequence[str], environment: Mapping[str, str], *, reads: bool) -> RunningProgram | None:
    """Start a program without ``subprocess``; None: that cannot be."""
    with _descriptors() as opened:
        opened.extend(os.pipe() if reads else [os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)])
        opened.extend(os.pipe())
        opened.extend(os.pipe())
        if min(opened) < _STANDARD:  # one of the standard streams is closed, and to put these in place is an art
            return None
        *ends, output, to_output, errors, to_errors = opened
        theirs = (ends[0], to_output, to_errors)
        try:
            pid = os.posix_spawnp(
                command[0],
                list(command),
                environment,
                file_actions=[
                    *((os.POSIX_SPAWN_DUP2, end, number) for number, end in enumerate(theirs)),
                    *((os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in _inheritable()),
                ],
                setsid=True,
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # which Python ignores, and others should not
            )
        except OSError as error:
            if error.errno == errno.EBADF:  # a number above the limit, which was lowered since, cannot be closed so
                return None
            raise
        opened[:] = theirs
        return _Spawned(pid, output, errors, ends[1] if reads else None)


class _Spawned(RunningProgram):
    """A program that was started without ``subprocess``."""

    __slots__ = ("_ends", "_pid", "_stdin")

    def __init__(self, pid: int, output: int, errors: int, stdin: int | None) -> None:
        self._pid = pid
        self._ends = [output, errors]
        self._stdin = stdin

    def finish(self, stdin: bytes = b"", *, seconds: float, meanwhile: Callable[[], object] | None = None) -> Finished:
        give_up = time.monotonic() + seconds
        try:
            if meanwhile is not None:
                meanwhile()
            output, errors = self._exchange(stdin, give_up)
            status = _status(self._pid, give_up)
        except _LostError:
            self._close()
            raise  # the number may be another's by now
        except BaseException:
            self.end()
            raise
        self._close()
        return Finished(status, output, errors)

    def end(self) -> None:
        self._close()
        with suppress(ChildProcessError):  # others took its status, and the number may be another's
            if not os.waitpid(self._pid, os.WNOHANG)[0]:
                os.kill(self._pid, signal.SIGKILL)
                _status(self._pid, time.monotonic() + _LONG)

    def _close(self) -> None:
        self._close_stdin()
        while self._ends:
            os.close(self._ends.pop())

    def _close_stdin(self) -> None:
        if self._stdin is not None:
            os.close(self._stdin)
            self._stdin = None

    def _exchange(self, stdin: bytes, give_up: float) -> list[bytes]:
        """Hand it what it reads, and return all that comes through each of its ends until that is closed."""
        read: dict[int, list[bytes]] = {end: [] for end in self._ends}
        poll = select.poll()
        for end in read:
            poll.register(end, select.POLLIN)
        left = set(read)
        unsent = memoryview(stdin)
        if self._stdin is not None:
            os.set_blocking(self._stdin, False)
            poll.register(self._stdin, select.POLLOUT)
            left.add(self._stdin)
        while left:
            ready = poll.poll(max(0.0, give_up - time.monotonic()) * _MILLISECONDS)
            if not ready:
                raise TimeoutError("the program took too long")
            for end, _ in ready:
                if end == self._stdin:
                    unsent = unsent[_written(end, unsent) :]
                    more = bool(unsent)
                else:
                    part = os.read(end, _AT_ONCE)
                    read[end].append(part)
                    more = bool(part)
                if not more:
                    poll.unregister(end)
                    left.discard(end)
                    if end == self._stdin:
                        self._close_stdin()
        return [b"".join(parts) for parts in read.values()]


class _Child(RunningProgram):
    """A program that was started with ``subprocess``."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, reads: bool, directory: str | None
    ) -> None:
        import subprocess

        from rouser.child import ChildProcess

        self._process = ChildProcess(
            command,
            stdin=subprocess.PIPE if reads else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=directory,
            start_new_session=True,
        )

    def finish(self, stdin: bytes = b"", *, seconds: float, meanwhile: Callable[[], object] | None = None) -> Finished:
        from subprocess import TimeoutExpired

        with self._process as process:
            try:
                if meanwhile is not None:
                    meanwhile()
                output, errors = process.communicate(stdin or None, timeout=seconds)
            except BaseException as error:
                process.kill()
                if isinstance(error, TimeoutExpired):
                    raise TimeoutError("the program took too long") from None
                raise
            return Finished(process.returncode, output, errors)

    def end(self) -> None:
        with self._process as process:
            process.kill()


def _written(end: int, text: memoryview) -> int:
    """Return how much a pipe took; one that nobody reads any more takes all."""
    try:
        return os.write(end, text)
    except BlockingIOError:
        return 0
    except BrokenPipeError:
        return len(text)


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
