"""Where rouser keeps its files, how they are made private, and whether who made one still runs."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Final

from rouser.errors import StoreError

# Where the XDG Base Directory Specification has what platformdirs calls so. On Linux that is all there is to it, and
# importing platformdirs costs every command 5 ms, as it imports tempfile.
_XDG: Final = {
    "state": ("XDG_STATE_HOME", ".local/state"),
    "config": ("XDG_CONFIG_HOME", ".config"),
    "data": ("XDG_DATA_HOME", ".local/share"),
}


def state_directory() -> Path:
    """Return the absolute path of the state directory: ``ROUSER_HOME``, else the user's state directory.

    The directory may not exist yet.
    """
    chosen = os.environ.get("ROUSER_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    return _of_the_user("state")


def data_directory() -> Path:
    """Return the absolute path for what is too large for the state directory, workspaces above all.

    It is ``ROUSER_HOME``, else the user's data directory; it may not exist yet.
    """
    chosen = os.environ.get("ROUSER_HOME")
    return Path(chosen).expanduser().absolute() if chosen else _of_the_user("data")


def user_config_file() -> Path:
    """Return the path of the user's configuration file: ``ROUSER_CONFIG``, else the user's config directory."""
    chosen = os.environ.get("ROUSER_CONFIG")
    if chosen:
        return Path(chosen).expanduser().absolute()
    return _of_the_user("config") / "rouser.toml"


def _of_the_user(kind: str) -> Path:
    if sys.platform != "linux":
        import platformdirs

        paths = {
            "state": platformdirs.user_state_path,
            "config": platformdirs.user_config_path,
            "data": platformdirs.user_data_path,
        }
        return paths[kind]("rouser", appauthor=False)
    variable, usual = _XDG[kind]
    chosen = os.environ.get(variable, "")
    return (Path(chosen) if chosen.startswith("/") else Path.home() / usual) / "rouser"


def make_private_directory(path: Path) -> None:
    """Make ``path`` and its missing parents, readable by the user alone whatever the umask.

    :raises StoreError: it cannot be made, is no directory, or belongs to somebody else.
    """
    try:
        status = _directory_status(path)
        if status is None:
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


def _directory_status(path: Path) -> os.stat_result | None:
    """Return the status of a directory; None when there is none."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status if stat.S_ISDIR(status.st_mode) else None


def is_running(pid: int) -> bool:
    """Return whether a process of this number runs, whoever's it is; files named after it may be its own."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True
