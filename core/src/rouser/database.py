"""The SQLite file: made, opened, brought up to date and checked; its errors turned into ours."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from rouser.errors import StoreError
from rouser.paths import is_running, make_private_directory
from rouser.schema import APPLICATION_ID, MIGRATIONS, VERSION

_BUSY_SECONDS: Final = 10.0


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors within the block into :class:`StoreError`, naming the file and what to do."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreError(_operational(path, error)) from error
    except sqlite3.DatabaseError as error:
        raise StoreError(damaged(path, str(error))) from error
    except UnicodeDecodeError as error:  # SQLite's own message quotes the damage, and sqlite3 cannot decode it
        raise StoreError(damaged(path, "what should be text is not")) from error


def damaged(path: Path, reason: str) -> str:
    """Return the message for a database that cannot be read."""
    return (
        f"the session database {path} is damaged ({' '.join(reason.split()):.200}), and left as it is. "
        "Save what is readable: rouser doctor --salvage NEW.db, or put a backup in its place."
    )


def _operational(path: Path, error: sqlite3.OperationalError) -> str:
    if "Could not decode to UTF-8" in str(error):
        return damaged(path, "what should be text is not")
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"the session database {path} stayed locked by another process for {_BUSY_SECONDS:.0f} s. Try again."
    if name.startswith("SQLITE_FULL"):
        return f"the disk that holds {path} is full. Free some space and try again."
    if name.startswith("SQLITE_READONLY"):
        return f"the session database {path} is read-only. Make it writable and try again."
    return f"the session database {path} cannot be used: {error}. Mend that and try again."


def connect(path: Path) -> sqlite3.Connection:
    """Open the database at ``path``, making it first if there is none.

    :raises StoreError: damaged, empty, not a database of ours, from a newer rouser, or not accessible.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        _make(path)
    except OSError as error:
        message = f"cannot use the session database {path}: {error.strerror}. Mend that and try again."
        raise StoreError(message) from error
    else:
        if status.st_size == 0:
            raise StoreError(damaged(path, "it is empty"))
        if status.st_nlink > 1:
            _remove_leftovers(path)
    with translated(path):
        connection = _open(path)
        try:
            _check(path, connection)
        except BaseException:
            connection.close()
            raise
        return connection


def _open(path: Path) -> sqlite3.Connection:
    # Never made here: SQLite would make an empty one wherever a symbolic link leads.
    uri = f"{path.absolute().as_uri()}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _check(path: Path, connection: sqlite3.Connection) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if application != APPLICATION_ID:
        raise StoreError(f"{path} is not a session database of rouser. Move it away, or set ROUSER_HOME.")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise StoreError(
            f"the session database {path} was written by a newer rouser (version {version}, this one knows "
            f"{VERSION}). Nothing was changed. Upgrade: pip install --upgrade rouser"
        )
    if version < VERSION:
        _migrate(connection)


def _migrate(connection: sqlite3.Connection) -> None:
    """Run what is missing in one transaction, so that a crash leaves the old version whole."""
    connection.execute("BEGIN EXCLUSIVE")
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]  # another process may have been quicker
        if version >= VERSION:
            connection.execute("ROLLBACK")
            return
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _make(path: Path) -> None:
    """Make an empty database under another name and link it into place.

    So that the file at ``path`` is complete from the first moment, an empty one is always a damaged one, and
    of several processes exactly one succeeds while the others use what it made.
    """
    make_private_directory(path.parent)
    _remove_leftovers(path)
    draft = path.with_name(f"{path.name}.new-{os.getpid()}-{os.urandom(4).hex()}")
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        with translated(path):
            connection = _open(draft)
            try:
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                _migrate(connection)
                # Last: what is written through a WAL reaches the file when it is closed, which reports no failure.
                connection.execute("PRAGMA journal_mode = WAL")
            finally:
                connection.close()
        with suppress(FileExistsError):
            os.link(draft, path)
        _sync_directory(path.parent)
    except OSError as error:
        raise StoreError(f"cannot make the session database {path}: {error.strerror}") from error
    finally:
        _remove_draft(draft)


def _remove_draft(draft: Path) -> None:
    """Remove a draft, if the disk lets us; otherwise it is removed by whoever makes the database in the end."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        with suppress(OSError):
            draft.with_name(draft.name + suffix).unlink()


def _remove_leftovers(path: Path) -> None:
    """Remove the drafts of processes that were killed while making the database."""
    for draft in path.parent.glob(f"{path.name}.new-*"):
        pid = draft.name.removeprefix(f"{path.name}.new-").partition("-")[0]
        if pid.isdigit() and not is_running(int(pid)):
            with suppress(OSError):
                draft.unlink()


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
