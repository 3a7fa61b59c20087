"""Where runtimes are: a private directory for each, below one that is private too."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rouser import HookError, state_directory, time_left
from rouser_process.handle import Handle
from rouser_process.identity import Process
from rouser_process.protocol import RECORD

_POLL_SECONDS: Final = 0.005
_START_SECONDS: Final = 5.0


def configured_base(settings: Mapping[str, Any]) -> Path:
    """Return the directory that has all runtimes: the setting ``directory``, else one in the state directory.

    :raises HookError: there is another setting, or it is not an absolute path.
    """
    if unknown := sorted(settings.keys() - {"directory"}):
        raise HookError(f"unknown setting {unknown[0]!r} of process; allowed is: directory")
    value = settings.get("directory") or state_directory() / "process"
    try:
        path = Path(value).expanduser()
    except (TypeError, RuntimeError):
        path = Path()
    if not path.is_absolute() or "\0" in str(path) or "\n" in str(path):
        raise HookError(f"the setting directory of process is {value!r}; it must be an absolute path, or begin with ~")
    return path


def make_private(directory: Path) -> None:
    """Make a directory, if need be, that is ours and closed to everybody else.

    :raises HookError: there is something else in its place, or it cannot be made.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = directory.lstat()
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid():
            if status.st_mode & 0o077:
                directory.chmod(0o700)
            return
    except OSError as error:
        raise HookError(f"the directory {directory} for runtimes cannot be used: {error.strerror}") from error
    raise HookError(f"{directory}, which is to hold runtimes, is not a directory of yours: move it away")


@contextmanager
def claimed(base: Path, name: str, token: str) -> Iterator[tuple[Path, int]]:
    """Make the directory of a new runtime; yields it, and the descriptor of a lock that says that it is in use.

    The lock is on the directory itself. Whoever inherits the descriptor keeps the name taken.

    :raises HookError: the name is taken.
    """
    make_private(base)
    place = base / f"{name}.{token}"
    with _only_one(base):
        _require_free(base, name)
        place.mkdir(mode=0o700)
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield place, descriptor
    except BaseException:
        _discard(place)
        raise
    finally:
        os.close(descriptor)


def recorded(base: Path) -> Iterator[Handle]:
    """Yield the handles of the runtimes that are on record below ``base``, whether or not they still run.

    One that is being started is waited for: what starts it goes on when the command that wanted it was killed.

    :raises HookError: the directory cannot be read, or one that is being started does not get there.
    """
    try:
        places = sorted(base.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise HookError(f"the directory {base} of runtimes cannot be read: {error.strerror}") from error
    for place in places:
        handle = _started(place)
        if handle is not None:
            yield handle


def _started(place: Path) -> Handle | None:
    give_up = time.monotonic() + min(_START_SECONDS, time_left() / 2)
    while (handle := read_record(place)) is None and _is_in_use(place):
        if time.monotonic() > give_up:
            raise HookError(f"a runtime is being started in {place}, and it is unknown whether it runs; try again")
        time.sleep(_POLL_SECONDS)
    return handle or read_record(place)  # it may have got there and ended between the two looks


def read_record(place: Path) -> Handle | None:
    """Return the handle of the runtime in a directory; None when it was never started, or is just being removed.

    :raises HookError: that is not known.
    """
    try:
        fields = json.loads((place / RECORD).read_bytes())
        handle = Handle(
            token=fields["token"],
            session_id=fields["session"],
            name=fields["name"],
            supervisor=Process(*fields["supervisor"]),
            agent=Process(*fields["agent"]),
            base=place.parent,
        )
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None
    except OSError as error:
        raise HookError(f"{place / RECORD} cannot be read: {error.strerror}; try again") from error
    return handle if handle.place == place else None


def _require_free(base: Path, name: str) -> None:
    """Refuse a name that a living runtime has; remove what was left of one that never came to be."""
    for place in base.glob(f"{name}.*"):
        if _is_in_use(place):
            handle = read_record(place)
            whose = f"for rouser session {handle.session_id[:8]}" if handle else "by another command, just now"
            raise HookError(f"a runtime {name} was started already in {base}, {whose}: use another name, or end it")
        handle = read_record(place)
        if handle is None:
            _discard(place)
        elif handle.agent.runs():
            short = handle.session_id[:8]
            raise HookError(f"the agent of an earlier runtime {name} still runs; end it with rouser kill {short}")


def _is_in_use(place: Path) -> bool:
    """Return whether somebody holds the lock on a runtime's directory: its creator, or its supervisor."""
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise HookError(f"{place} cannot be looked at: {error.strerror}; try again") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _discard(place: Path) -> None:
    import shutil  # only needed when something went wrong

    shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _only_one(base: Path) -> Iterator[None]:
    """Hold the lock on making directories in ``base``, which nobody needs for long."""
    descriptor = os.open(base / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    give_up = time.monotonic() + time_left() / 2
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > give_up:
                    raise HookError(f"another command holds {base / '.lock'}; is it stopped? see fuser") from None
                time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)
