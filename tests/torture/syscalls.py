"""The system calls that touch files, and what each of them is about.

Without pathlib: thousands of calls are looked at for each one that is struck at.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

_AT_FDCWD = -100
_CREATING = os.O_CREAT | os.O_TRUNC
_SETTING_LOCKS = {6, 7, 37, 38}  # F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW


@dataclass(frozen=True, slots=True)
class Call:
    """One system call that is about to be made.

    :ivar name: as strace names it.
    :ivar paths: the absolute paths that it is about.
    :ivar changing: whether it may change what is on the disk, or who holds a lock.
    :ivar own: whether the command itself makes it, and not one of its children.
    """

    name: str
    paths: tuple[str, ...]
    changing: bool
    own: bool


class _Caller:
    """The thread that makes a call, and its arguments."""

    def __init__(self, tid: int, arguments: Sequence[int]) -> None:
        self._tid = tid
        self._arguments = arguments

    def integer(self, index: int) -> int:
        return _signed(self._arguments[index])

    def descriptor(self, index: int) -> str:
        with suppress(OSError):
            return os.readlink(f"/proc/{self._tid}/fd/{self.integer(index)}")  # noqa: PTH115 - see above
        return ""

    def path(self, index: int, directory: int | None = None) -> str:
        text = self._text(self._arguments[index])
        if text.startswith("/"):
            return os.path.normpath(text)
        if directory is None or self.integer(directory) == _AT_FDCWD:
            with suppress(OSError):
                return os.path.normpath(f"{os.readlink(f'/proc/{self._tid}/cwd')}/{text}")  # noqa: PTH115
            return text
        return os.path.normpath(f"{self.descriptor(directory)}/{text}")

    def _text(self, address: int) -> str:
        data = b""
        with suppress(OSError), open(f"/proc/{self._tid}/mem", "rb", buffering=0) as memory:  # noqa: PTH123
            while b"\0" not in data and len(data) < 8192:
                memory.seek(address + len(data))
                data += memory.read(256 - (address + len(data)) % 256)
        return os.fsdecode(data.partition(b"\0")[0])


def _signed(value: int) -> int:
    """Return the low half of a register as the signed number that it is."""
    value &= 0xFFFFFFFF
    return value - 0x100000000 if value & 0x80000000 else value


Paths = Callable[[_Caller], tuple[str, ...]]


def _descriptor(caller: _Caller) -> tuple[str, ...]:
    return (caller.descriptor(0),)


def _path(*indexes: int) -> Paths:
    return lambda caller: tuple(caller.path(index) for index in indexes)


def _at(*pairs: tuple[int, int]) -> Paths:
    return lambda caller: tuple(caller.path(index, directory) for directory, index in pairs)


_ALWAYS: Callable[[_Caller], bool] = lambda _: True  # noqa: E731
_NEVER: Callable[[_Caller], bool] = lambda _: False  # noqa: E731


def _creates(index: int) -> Callable[[_Caller], bool]:
    return lambda caller: bool(caller.integer(index) & _CREATING)


NUMBERS: dict[int, tuple[str, Paths, Callable[[_Caller], bool]]] = {
    0: ("read", _descriptor, _NEVER),
    17: ("pread64", _descriptor, _NEVER),
    217: ("getdents64", _descriptor, _NEVER),
    4: ("stat", _path(0), _NEVER),
    6: ("lstat", _path(0), _NEVER),
    262: ("newfstatat", _at((0, 1)), _NEVER),
    2: ("open", _path(0), _creates(1)),
    257: ("openat", _at((0, 1)), _creates(2)),
    1: ("write", _descriptor, _ALWAYS),
    18: ("pwrite64", _descriptor, _ALWAYS),
    20: ("writev", _descriptor, _ALWAYS),
    46: ("sendmsg", _descriptor, _ALWAYS),
    74: ("fsync", _descriptor, _ALWAYS),
    75: ("fdatasync", _descriptor, _ALWAYS),
    77: ("ftruncate", _descriptor, _ALWAYS),
    285: ("fallocate", _descriptor, _ALWAYS),
    73: ("flock", _descriptor, _ALWAYS),
    72: ("fcntl", _descriptor, lambda caller: caller.integer(1) in _SETTING_LOCKS),
    91: ("fchmod", _descriptor, _ALWAYS),
    93: ("fchown", _descriptor, _ALWAYS),
    90: ("chmod", _path(0), _ALWAYS),
    268: ("fchmodat", _at((0, 1)), _ALWAYS),
    280: ("utimensat", _at((0, 1)), _ALWAYS),
    82: ("rename", _path(0, 1), _ALWAYS),
    264: ("renameat", _at((0, 1), (2, 3)), _ALWAYS),
    316: ("renameat2", _at((0, 1), (2, 3)), _ALWAYS),
    86: ("link", _path(0, 1), _ALWAYS),
    265: ("linkat", _at((0, 1), (2, 3)), _ALWAYS),
    87: ("unlink", _path(0), _ALWAYS),
    263: ("unlinkat", _at((0, 1)), _ALWAYS),
    83: ("mkdir", _path(0), _ALWAYS),
    258: ("mkdirat", _at((0, 1)), _ALWAYS),
    84: ("rmdir", _path(0), _ALWAYS),
}
"""What is known of each call by its number on x86-64: its name, its paths, and whether it changes anything."""


CHANGING = frozenset(number for number, (_, _, changing) in NUMBERS.items() if changing is not _NEVER)
"""The calls that may change something."""


def describe(tid: int, call: int, arguments: Sequence[int], *, own: bool) -> Call | None:
    """Return what a thread that has stopped is about to do; None when it only asks, or is of no interest."""
    name, paths, changing = NUMBERS[call]
    caller = _Caller(tid, arguments)
    if name == "fcntl" and not changing(caller):
        return None
    return Call(name=name, paths=paths(caller), changing=changing(caller), own=own)
