"""Runs a command under ptrace, numbers its system calls across all of its threads and children, and strikes at one.

strace can kill and fail calls too, but counts them in each thread by itself, and rouser makes each hook call in a
thread of its own; here a number names one call of the whole command. A seccomp filter lets all other calls pass
without a stop. Linux on x86-64 only.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct
import sys
import tempfile
import traceback
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torture.syscalls import NUMBERS, Call, describe

_SEIZE, _CONT, _GETREGS, _SETREGS, _LISTEN = 0x4206, 7, 12, 13, 0x4208
_OPTIONS = 0x100000 | 0x80 | 0x2 | 0x4 | 0x8 | 0x10  # exit-kill, seccomp, fork, vfork, clone, exec
_EVENT_SECCOMP, _EVENT_STOP = 7, 128
_WALL = 0x40000000
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2
_ALLOW, _TRACE = 0x7FFF0000, 0x7FF00000
_ORIG_RAX, _RAX = 15, 10
_ARGUMENTS = (14, 13, 12, 7, 9, 8)  # rdi, rsi, rdx, r10, r8, r9

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_libc.ptrace.restype = ctypes.c_long
_libc.prctl.argtypes = (ctypes.c_int, *(ctypes.c_void_p,) * 4)
_Registers = ctypes.c_ulonglong * 27


class Kill:
    """SIGKILL, before the call takes effect: to the whole command, or some of its processes."""

    ALL = "all"
    COMMAND = "command"
    CALLER = "caller"


@dataclass(frozen=True, slots=True)
class Fail:
    """The call fails with this error, and does nothing."""

    errno: int


Strike = str | Fail | None


@dataclass(frozen=True, slots=True)
class Traced:
    """How a command ended; ``code`` is negative for a signal."""

    code: int
    out: str
    err: str


def run(
    main: Callable[[], None],
    scratch: Path,
    judge: Callable[[Call], Strike],
    seconds: float = 120.0,
    numbers: Collection[int] = NUMBERS,
) -> Traced:
    """Call ``main`` in a forked process until it and all of its children have ended.

    :param scratch: a directory for what it prints.
    :param judge: is shown each call that :mod:`torture.syscalls` knows, in order, and says what befalls it.
    :param seconds: how long everything may take; what is left then is killed, and ``TimeoutError`` raised.
    :param numbers: which of these calls it is shown; each costs the time of a stop.
    """
    out, err = scratch / "out", scratch / "err"
    child, go = _fork(main, out, err, numbers)
    tracer = _Tracer(child, judge)
    previous = signal.signal(signal.SIGALRM, tracer.expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        _ptrace(_SEIZE, child, 0, _OPTIONS)
        os.write(go, b"!")
        code = tracer.loop()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        os.close(go)
    return Traced(code, out.read_text(errors="replace"), err.read_text(errors="replace"))


def call_forked(main: Callable[[], None], scratch: Path) -> Traced:
    """Call ``main`` in a forked process, without looking at what it does."""
    out, err = scratch / "out", scratch / "err"
    child, go = _fork(main, out, err, ())
    os.write(go, b"!")
    _, status = os.waitpid(child, 0)
    os.close(go)
    return Traced(os.waitstatus_to_exitcode(status), out.read_text(errors="replace"), err.read_text(errors="replace"))


def impossible() -> str:
    """Return why nothing can be traced on this machine, in one line; empty when it can."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return "system calls that are struck at: not possible here, only on Linux on x86-64"
    seen: list[str] = []
    with tempfile.TemporaryDirectory(prefix="rt-tracer-") as scratch:
        place = str(Path(scratch).resolve() / "made")
        with suppress(OSError):
            run(Path(place).mkdir, Path(scratch), lambda call: seen.extend(call.paths))
    return "" if place in seen else "system calls that are struck at: not possible here, ptrace is not permitted"


def _fork(main: Callable[[], None], out: Path, err: Path, numbers: Collection[int]) -> tuple[int, int]:
    wait, go = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        os.close(wait)
        return pid, go
    code = 70
    try:
        for number, path in ((1, out), (2, err)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.close(go)
        os.read(wait, 1)
        os.close(wait)
        if numbers:
            _filter_calls(sorted(numbers))
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _filter_calls(numbers: list[int]) -> None:
    """Have the kernel stop this process, and all that it starts, at the calls that are of interest."""
    code = struct.pack("HBBI", 0x20, 0, 0, 0)  # load the call's number
    for index, number in enumerate(numbers):
        code += struct.pack("HBBI", 0x15, len(numbers) - index, 0, number)  # if it is this one, go to the last line
    code += struct.pack("HBBI", 0x06, 0, 0, _ALLOW) + struct.pack("HBBI", 0x06, 0, 0, _TRACE)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer)))
    for arguments in ((_NO_NEW_PRIVILEGES, 1, None), (_SECCOMP, _FILTER, ctypes.addressof(program))):
        if _libc.prctl(*arguments, None, None):
            raise OSError(ctypes.get_errno(), "prctl")


def _ptrace(request: int, tid: int, address: int = 0, data: Any = 0) -> None:
    if _libc.ptrace(request, tid, address, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request}")


class _Tracer:
    def __init__(self, child: int, judge: Callable[[Call], Strike]) -> None:
        self._child = child
        self._judge = judge
        self._tracees: dict[int, int] = {child: child}  # the process of each thread
        self._expired = False

    def expire(self, *_: object) -> None:
        self._expired = True
        self._kill(set(self._tracees.values()))

    def loop(self) -> int:
        code = None
        while True:
            try:
                tid, status = os.waitpid(-1, _WALL)
            except ChildProcessError:
                break
            if os.WIFSTOPPED(status):
                if tid not in self._tracees:
                    self._tracees[tid] = _process_of(tid)
                with suppress(ProcessLookupError):  # killed meanwhile
                    self._stopped(tid, status)
            else:
                self._tracees.pop(tid, None)
                if tid == self._child:
                    code = os.waitstatus_to_exitcode(status)
        if self._expired:
            raise TimeoutError("it hung")
        return -signal.SIGKILL if code is None else code

    def _stopped(self, tid: int, status: int) -> None:
        event, number = status >> 16, os.WSTOPSIG(status)
        if event == _EVENT_SECCOMP:
            self._entered(tid)
        elif event == _EVENT_STOP and number != signal.SIGTRAP:
            _ptrace(_LISTEN, tid)
            return
        _ptrace(_CONT, tid, 0, number if event == 0 else 0)

    def _entered(self, tid: int) -> None:
        registers = _Registers()
        _ptrace(_GETREGS, tid, 0, ctypes.addressof(registers))
        arguments = [registers[index] for index in _ARGUMENTS]
        call = describe(tid, registers[_ORIG_RAX], arguments, own=self._tracees[tid] == self._child)
        if call is None:
            return
        strike = self._judge(call)
        if isinstance(strike, Fail):
            registers[_ORIG_RAX] = 2**64 - 1
            registers[_RAX] = 2**64 - strike.errno
            _ptrace(_SETREGS, tid, 0, ctypes.addressof(registers))
        elif strike is not None:
            everybody = set(self._tracees.values())
            self._kill({Kill.ALL: everybody, Kill.COMMAND: {self._child}, Kill.CALLER: {self._tracees[tid]}}[strike])

    @staticmethod
    def _kill(pids: set[int]) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _process_of(tid: int) -> int:
    try:
        text = Path(f"/proc/{tid}/status").read_text()
    except OSError:
        return tid
    return int(text.partition("\nTgid:")[2].split()[0])
