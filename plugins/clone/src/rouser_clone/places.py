"""Where clones are, and what is remembered of each beside it.

``BASE/REPOSITORY/.ID.json`` belongs to the clone ``BASE/REPOSITORY/ID``. It says for which session it was made, and is
how the clones that this plugin made are told from everything else.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rouser import HookError, Session, data_directory, is_valid_name, time_left

_UNFIT: Final = re.compile(r"[^\w.-]+")
_LONGEST_NAME: Final = 48
_POLL: Final = 0.05
_SETTINGS: Final = frozenset({"base", "snapshot_ignored", "snapshot_max_file_size"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A clone that this plugin made.

    :ivar session: id of the session that it is for.
    :ivar source: the repository's common directory.
    :ivar branch: the branch that it was made for.
    :ivar start: the commit that the branch was created at. None: the branch was there before.
    """

    session: str
    source: str
    branch: str
    start: str | None


def configured_base(settings: Mapping[str, Any]) -> Path:
    """Return the directory that has all clones: the setting ``base``, else one in rouser's or the user's data.

    :raises HookError: there is another setting, or it is not an absolute path.
    """
    if unknown := sorted(settings.keys() - _SETTINGS):
        allowed = ", ".join(sorted(_SETTINGS))
        raise HookError(f"unknown setting {unknown[0]!r} of the clone plugin; allowed are: {allowed}")
    value = settings.get("base") or _default_base()
    try:
        path = Path(value).expanduser()
    except (TypeError, RuntimeError):
        path = Path()
    if not path.is_absolute() or "\0" in str(path):
        raise HookError(f"the clone plugin's base is {value!r}; it must be an absolute path, or begin with ~")
    return path


def place_for(base: Path, source: Path, session: Session) -> Path:
    """Return the session's path: where its clone already is, else named by the short id, else by the full one.

    The directory around it is made, and closed to everybody else.

    :raises HookError: something else is at both.
    """
    if not is_valid_name(session.id):
        raise HookError(f"session id {session.id!r} cannot name a directory")
    name = source.parent.name if source.name == ".git" else source.name.removesuffix(".git")
    home = base / (_UNFIT.sub("-", name).strip("-.")[:_LONGEST_NAME] or "repository")
    base.parent.mkdir(parents=True, exist_ok=True)
    for directory in (base, home):
        directory.mkdir(mode=0o700, exist_ok=True)
    for path in (home / session.short_id, home / session.id):
        record = read_record(path)
        if record.session == session.id if record else not os.path.lexists(path):
            return path
    raise HookError(f"{home / session.id} is in the way; move it elsewhere, then try again")


def read_record(path: Path) -> Record | None:
    """Return the record of the clone at ``path``; None when there is none, or an unreadable one."""
    try:
        record = Record(**json.loads(beside(path, "json").read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
        return None
    texts = (record.session, record.source, record.branch, record.start or "")
    return record if all(isinstance(text, str) for text in texts) else None


def write_record(path: Path, record: Record) -> None:
    """Write the record of the clone at ``path``, whole or not at all, readable by its owner alone."""
    fresh = beside(path, f"{os.getpid()}.json.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(record), file)
        file.flush()
        os.fsync(descriptor)
    fresh.replace(beside(path, "json"))


def recorded(base: Path) -> Iterator[tuple[Path, Record]]:
    """Yield the paths below ``base`` that have a record, in order, whether or not there is anything."""
    for file in sorted(base.glob("*/.*.json")):
        path = file.with_name(file.name[1:].removesuffix(".json"))
        record = read_record(path)
        if record is not None:
            yield path, record


def beside(path: Path, suffix: str) -> Path:
    """Return the path of something that belongs to the clone at ``path`` and is not in it."""
    return path.with_name(f".{path.name}.{suffix}")


@contextmanager
def working_on(path: Path) -> Iterator[int]:
    """Hold the lock on making or removing the clone at ``path``; yields its descriptor, for git to inherit.

    A command that is killed leaves its git running. Since git holds the lock too, whoever comes next waits for it.

    :raises HookError: another process held it for as long as there was time.
    """
    file = beside(path, "lock")
    give_up = time.monotonic() + time_left() * 0.9
    while (descriptor := _try_to_lock(file)) is None:
        if time.monotonic() > give_up:
            raise HookError(f"an earlier command still works on {path}; wait for it or end it")
        time.sleep(_POLL)
    try:
        yield descriptor
    finally:
        file.unlink(missing_ok=True)
        os.close(descriptor)


def _try_to_lock(file: Path) -> int | None:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if file.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)  # held, or removed by its last holder between our open and our lock
    return None


def _default_base() -> Path:
    return data_directory() / "clones"
