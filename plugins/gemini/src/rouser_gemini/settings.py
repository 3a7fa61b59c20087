"""What the user may set, parsed into one frozen value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rouser import SettingsTable

KEYS: Final = ("arguments", "executable", "home", "model")

# Options that decide which conversation runs, or how: rouser's own business, or the end of every restore.
_REFUSED: Final = {
    "--resume": "rouser decides what is resumed",
    "--session-id": "rouser pins the conversation's id",
    "--session-file": "rouser decides what is resumed",
    "--prompt": "it does not keep a session in its terminal",
    "--prompt-interactive": "the prompt is the session's task",
    "--worktree": "the workspace plugin makes the workspace",
    "--acp": "it does not keep a session in its terminal",
    "--experimental-acp": "it does not keep a session in its terminal",
    "--list-sessions": "it does not keep a session in its terminal",
    "--list-extensions": "it does not keep a session in its terminal",
    "--delete-session": "it does not keep a session in its terminal",
    "--help": "it does not keep a session in its terminal",
    "--version": "it does not keep a session in its terminal",
    "--": "the prompt is the session's task",
}
_SHORT: Final = {
    "-r": "--resume",
    "-p": "--prompt",
    "-i": "--prompt-interactive",
    "-w": "--worktree",
    "-l": "--list-extensions",
    "-h": "--help",
    "-v": "--version",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The settings of one session, or those of the configuration.

    :ivar executable: the client's name on PATH, or its path.
    :ivar model: for ``--model``. None: the client's own default.
    :ivar arguments: more options for the client.
    :ivar user_home: where the client's directory ``.gemini`` is, ``GEMINI_CLI_HOME``. None: what the environment says.
    """

    executable: str = "gemini"
    model: str | None = None
    arguments: tuple[str, ...] = ()
    user_home: Path | None = None

    @property
    def base(self) -> Path:
        """The directory that holds ``.gemini``."""
        if self.user_home is not None:
            return self.user_home
        configured = os.environ.get("GEMINI_CLI_HOME")
        return Path(configured) if configured else Path.home()

    @property
    def home(self) -> Path:
        """The directory in which the client keeps its conversations."""
        return self.base / ".gemini"


def parse(table: Mapping[str, Any]) -> Settings:
    """Read a settings table, of the configuration or of a session.

    :param table: keys as in ``KEYS``; an empty value means that the key is not set.
    :raises HookError: a key is unknown or a value unusable, and what is allowed.
    """
    given = SettingsTable(table, KEYS)
    return Settings(
        executable=given.program("executable", "gemini"),
        model=given.text("model"),
        arguments=given.options("arguments", _REFUSED, _SHORT, only=True),
        user_home=given.directory("home"),
    )
