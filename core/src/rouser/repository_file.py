"""A repository's ``rouser.toml``: found, read once, and told apart into what is harmless and what needs consent."""

import json
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from rouser.errors import ConfigError

FILE_NAME: Final = "rouser.toml"
HARMLESS: Final = frozenset({"agent", "runtime", "workspace", "project", "base", "branch_prefix"})
"""What chooses among installed plugins or names things. All else may run a command, widen what an agent may do, or
name a path, now or in some plugin."""

_LARGEST: Final = 1024 * 1024


class RepositoryFile(NamedTuple):
    """A repository's file.

    :ivar path: its path, symbolic links resolved.
    :ivar data: its content, read once: what is hashed, shown and used is the same.
    :ivar table: what it says.
    """

    path: Path
    data: bytes
    table: Mapping[str, Any]

    @property
    def harmless(self) -> dict[str, Any]:
        """What counts without the user's consent."""
        return {key: value for key, value in self.table.items() if key in HARMLESS}

    @property
    def risky(self) -> dict[str, Any]:
        """What counts only with it."""
        return {key: value for key, value in self.table.items() if key not in HARMLESS}


def read_repository_file(start: Path) -> RepositoryFile | None:
    """Return the file that counts for a directory: in it, or in one above, up to the root of the repository.

    :raises ConfigError: it cannot be read, or is not TOML.
    """
    start = start.resolve()  # a relative path has no parents
    for directory in (start, *start.parents):
        candidate = directory / FILE_NAME
        if candidate.is_file():
            path = candidate.resolve()
            data = _read(path)
            return RepositoryFile(path=path, data=data, table=parse(path, data))
        if (directory / ".git").exists():
            return None
    return None


def parse(path: Path, data: bytes) -> dict[str, Any]:
    """Return what a configuration file says.

    :raises ConfigError: it is not TOML.
    """
    import tomllib

    try:
        return tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:  # also of numbers with too many digits, and of brackets without end
        raise ConfigError(f"{path} is not valid TOML: {error}") from error


def settings_in(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield each setting with its whole name and its value in ASCII, so that nothing hides in either."""
    for key, value in table.items():
        name = prefix + (key if key.isascii() and key.replace("-", "").replace("_", "").isalnum() else json.dumps(key))
        if isinstance(value, dict) and value:
            yield from settings_in(value, f"{name}.")
        else:
            yield name, json.dumps(value, default=str)


def _read(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ConfigError(f"{path} is not a file")
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > _LARGEST:
        raise ConfigError(f"{path} is larger than {_LARGEST} bytes, which is no configuration")
    return data
