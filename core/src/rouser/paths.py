"""Where rouser keeps its files, how they are made private, and whether who made one still runs."""

from __future__ import annotations

import os
from pathlib import Path

from rouser.errors import StoreError


def state_directory() -> Path:
    """Return the absolute path of the state directory: ``ROUSER_HOME``, else the user's state directory.

    The directory may not exist yet.
    """
    chosen = os.environ.get("ROUSER_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_state_path

    return user_state_path("rouser")


def user_config_file() -> Path:
    """Return the path of the user's configuration file: ``ROUSER_CONFIG``, else the user's config directory."""
    chosen = os.environ.get("ROUSER_CONFIG")
    if chosen:
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_config_path

    return user_config_path("rouser") / "rouser.toml"


def make_private_directory(path: Path) -> None:
    """Make ``path`` and its missing parents, readable by the user alone whatever the umask.

    :raises StoreError: it cannot be made, is no directory, or belongs to somebody else.
    """
    try:
        for directory in (*reversed(path.parents), path):
            if not directory.is_dir():
                directory.mkdir(mode=0o700, exist_ok=True)
        status = path.stat()
        if status.st_uid != os.geteuid():
            raise StoreError(f"{path} belongs to another user; set ROUSER_HOME to a directory of your own")
        if status.st_mode & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise StoreError(
            f"cannot use the state directory {path}: {error.strerror}; set ROUSER_HOME to another"
        ) from error


def is_running(pid: int) -> bool:
    """Return whether a process of this number runs, whoever's it is; files named after it may be its own."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True
