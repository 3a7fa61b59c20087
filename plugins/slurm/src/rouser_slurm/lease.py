"""The lease of a session: which generation of it may live, on a file system that all nodes share.

The job of a generation reads the lease every second and renews its beat. It ends what it runs within a second
when the lease names another generation, and within ``lease_seconds`` when lease or beat cannot be reached. So
a copy whose lease was taken away is dead after a bounded time, whatever became of its node, and one whose beat
is older than that is dead already.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rouser import HookError

POLL_SECONDS: Final = 1
_WIDTH: Final = 127
_PATTERN: Final = re.compile(r"(?P<generation>\d+) (?P<session_id>\S+) (?P<word>held|free) *\n")
_HELD, _FREE = "held", "free"


def bound(lease_seconds: float) -> float:
    """Return the seconds after which a copy without a lease is dead: its limit, and what it takes to act on it."""
    return lease_seconds + 3 * POLL_SECONDS


@dataclass(frozen=True, slots=True)
class Lease:
    """What a lease file says.

    :ivar generation: the one that may live, or the last one that might.
    :ivar session_id: the session whose generation it is.
    :ivar held: whether that generation may live.
    """

    generation: int
    session_id: str
    held: bool

    def is_for(self, generation: int, session_id: str) -> bool:
        """Return whether this very generation may live."""
        return self.held and (self.generation, self.session_id) == (generation, session_id)

    def __str__(self) -> str:
        return f"{self.generation} {self.session_id} {_HELD if self.held else _FREE}".ljust(_WIDTH)


def read(path: Path) -> Lease | None:
    """Return what a lease file says; None when there is none.

    :raises HookError: it cannot be read, or makes no sense.
    """
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise HookError(f"the lease {path} cannot be read: {error.strerror}") from error
    match = _PATTERN.fullmatch(text)
    if not match:
        raise HookError(f"the lease {path} makes no sense: {text[:40]!r}")
    return Lease(int(match["generation"]), match["session_id"], match["word"] == _HELD)


def write(path: Path, lease: Lease) -> None:
    """Write a lease in place, durably, so that whoever has it open sees it, and nobody an empty one.

    :raises HookError: it cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(descriptor, f"{lease}\n".encode("ascii"), 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except (OSError, UnicodeEncodeError) as error:
        raise HookError(f"the lease {path} cannot be written: {error}") from error


def revoke(path: Path, generation: int, session_id: str) -> bool:
    """Take the lease away from a generation; return whether it is without one now, or was already.

    :raises HookError: it cannot be read or written.
    """
    lease = read(path)
    if lease is None:
        return False
    if lease.is_for(generation, session_id):
        write(path, Lease(generation, session_id, held=False))
    return True


@contextmanager
def creating(path: Path) -> Iterator[None]:
    """Hold the lock of a name while a runtime of that name is being created.

    :raises HookError: somebody else holds it, or the file system has no locks.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise HookError(f"{path} cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise HookError(f"a runtime called {path.parent.name} is being created by somebody else right now") from None
    except OSError as error:
        raise HookError(
            f"{path} cannot be locked: {error.strerror}; the directory must be on a file system with flock(2)"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)
