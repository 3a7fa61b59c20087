"""What the user may set, parsed into one frozen value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rouser import HookError, SettingsTable

KEYS: Final = ("arguments", "database", "executable", "model")

# Options that decide which conversation runs, or how: rouser's own business, or the end of every restore.
_REFUSED: Final = {
    "--session": "rouser decides what is resumed",
    "--continue": "rouser decides what is resumed",
    "--fork": "a session goes on in its own conversation",
    "--prompt": "the prompt is the session's task",
    "--mini": "its screen is another one",
    "--help": "it does not keep a session in its terminal",
    "--version": "it does not keep a session in its terminal",
    "--": "the client runs in the session's workspace",
}
_SHORT: Final = {
    "-s": "--session",
    "-c": "--continue",
    "-h": "--help",
    "-v": "--version",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The settings of one session, or those of the configuration.

    :ivar executable: the client's name on PATH, or its path.
    :ivar model: for ``--model``. None: the client's own default.
    :ivar arguments: more options for the client.
    :ivar chosen_database: the file of the client's conversations, ``OPENCODE_DB``. None: what the environment says.
    """

    executable: str = "opencode"
    model: str | None = None
    arguments: tuple[str, ...] = ()
    chosen_database: Path | None = None

    @property
    def database(self) -> Path:
        """The SQLite file in which the client keeps its conversations."""
        if self.chosen_database is not None:
            return self.chosen_database
        data = os.environ.get("XDG_DATA_HOME")
        directory = (Path(data) if data else Path.home() / ".local" / "share") / "opencode"
        return directory / (os.environ.get("OPENCODE_DB") or "opencode.db")  # a path in it may be absolute


def parse(table: Mapping[str, Any]) -> Settings:
    """Read a settings table, of the configuration or of a session.

    :param table: keys as in ``KEYS``; an empty value means that the key is not set.
    :raises HookError: a key is unknown or a value unusable, and what is allowed.
    """
    given = SettingsTable(table, KEYS)
    settings = Settings(
        executable=given.program("executable", "opencode"),
        model=given.text("model"),
        arguments=given.options("arguments", _REFUSED, _SHORT, only=True),
        chosen_database=given.directory("database"),
    )
    if settings.database.name == ":memory:":
        raise HookError("OPENCODE_DB is :memory:, where nothing outlives the client; name a file, or unset it")
    return settings
