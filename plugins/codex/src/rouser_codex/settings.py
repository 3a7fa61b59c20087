"""What the user may set, parsed into one frozen value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rouser import SettingsTable

KEYS: Final = ("arguments", "config_dir", "executable", "model")

# Options that decide which conversation runs, or where: rouser's own business, or the end of every restore.
_REFUSED: Final = {
    "--last": "rouser decides what is resumed",
    "--all": "rouser decides what is resumed",
    "--cd": "the client runs in the session's workspace",
    "--worktree": "the workspace plugin makes the workspace",
    "--remote": "the conversation would be kept elsewhere",
    "--no-daemon": "it is always given",
    "--help": "it does not keep a session in its terminal",
    "--version": "it does not keep a session in its terminal",
    "--": "the prompt is the session's task",
}
_SHORT: Final = {"-C": "--cd", "-h": "--help", "-V": "--version"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The settings of one session, or those of the configuration.

    :ivar executable: the client's name on PATH, or its path.
    :ivar model: for ``--model``. None: the client's own default.
    :ivar arguments: more options for the client.
    :ivar config_dir: the client's directory, ``CODEX_HOME``. None: what the environment says.
    """

    executable: str = "codex"
    model: str | None = None
    arguments: tuple[str, ...] = ()
    config_dir: Path | None = None

    @property
    def home(self) -> Path:
        """The directory in which the client keeps its conversations."""
        if self.config_dir is not None:
            return self.config_dir
        configured = os.environ.get("CODEX_HOME")
        return Path(configured) if configured else Path.home() / ".codex"


def parse(table: Mapping[str, Any]) -> Settings:
    """Read a settings table, of the configuration or of a session.

    :param table: keys as in ``KEYS``; an empty value means that the key is not set.
    :raises HookError: a key is unknown or a value unusable, and what is allowed.
    """
    given = SettingsTable(table, KEYS)
    return Settings(
        executable=given.program("executable", "codex"),
        model=given.text("model"),
        arguments=given.options("arguments", _REFUSED, _SHORT, only=True),
        config_dir=given.directory("config_dir"),
    )
