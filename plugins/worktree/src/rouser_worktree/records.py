"""What is remembered of a worktree beside it, so that it can be told from anybody else's.

``BASE/REPOSITORY/.NAME.json`` belongs to the worktree ``BASE/REPOSITORY/NAME``. It is outside of the worktree and of
the repository, so it survives the loss of either, and says what is left to mend or to clean up.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from rouser import HookError


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A worktree that this plugin made, or is making.

    :ivar session: id of the session that it is for.
    :ivar repository: the repository's common directory.
    :ivar branch: the branch that it was made for.
    :ivar start: the commit that the branch was created at. None: the branch was there before.
    :ivar ready: whether it was ever handed out; what is in one that was not is nobody's work.
    """

    session: str
    repository: str
    branch: str
    start: str | None
    ready: bool


def read_record(path: Path) -> Record | None:
    """Return the record of the worktree at ``path``; None when there is none, or an unreadable one."""
    try:
        fields = json.loads(_beside(path, "json").read_text(encoding="utf-8"))
        record = Record(**fields)
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
        return None
    except OSError as error:
        raise HookError(f"cannot read {_beside(path, 'json')}: {error.strerror or error}") from error
    texts = (record.session, record.repository, record.branch, record.start or "")
    return record if all(isinstance(text, str) for text in texts) and isinstance(record.ready, bool) else None


def write_record(path: Path, record: Record) -> None:
    """Write the record of the worktree at ``path``, whole or not at all, readable by its owner alone.

    For one who holds the lock on making it, so that the draft of one who was killed is written over.
    """
    fresh = _beside(path, "new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(record), file)
        file.flush()
        os.fsync(descriptor)
    fresh.replace(_beside(path, "json"))


def forget(path: Path) -> None:
    """Remove the record of the worktree at ``path``, if there is one."""
    for suffix in ("new", "filling", "json"):
        _beside(path, suffix).unlink(missing_ok=True)


def recorded_paths(base: Path) -> list[Path]:
    """Return the paths below ``base`` that have a record, in order; whether there is anything is not looked at."""
    return sorted(file.with_name(file.name[1:].removesuffix(".json")) for file in base.glob("*/.*.json"))


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(f".{path.name}.{suffix}")
