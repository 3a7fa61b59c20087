"""What the user may set, parsed into one frozen value."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rouser import HookError, SettingsTable

KEYS: Final = ("arguments", "config_dir", "executable", "model", "permission_mode")

DEFAULT_DIR: Final = "default"

# The choices of `claude --permission-mode` in 2.1.330; `default` is not listed by --help but taken, for `manual`.
PERMISSION_MODES: Final = ("acceptEdits", "auto", "bypassPermissions", "default", "dontAsk", "manual", "plan")

# Options that decide which conversation runs, or where: rouser's own business, or the end of every restore.
_REFUSED: Final = {
    "--resume": "rouser decides what is resumed",
    "--continue": "rouser decides what is resumed",
    "--fork-session": "rouser decides what is resumed",
    "--from-pr": "rouser decides what is resumed",
    "--session-id": "rouser pins the conversation's id",
    "--print": "it does not keep a session in its terminal",
    "--background": "it does not keep a session in its terminal",
    "--bg": "it does not keep a session in its terminal",
    "--cloud": "it does not keep a session in its terminal",
    "--desktop": "it does not keep a session in its terminal",
    "--teleport": "it does not keep a session in its terminal",
    "--worktree": "the workspace plugin makes the workspace",
    "--tmux": "the runtime plugin makes the terminal",
    "--": "the prompt is the session's task",
}
_SHORT: Final = {"-r": "--resume", "-c": "--continue", "-p": "--print", "-w": "--worktree"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The settings of one session, or those of the configuration.

    :ivar executable: the client's name on PATH, or its path.
    :ivar model: for ``--model``. None: the client's own default.
    :ivar permission_mode: one of ``PERMISSION_MODES``. None: the client's own default.
    :ivar arguments: more arguments for the client; where they repeat an option, they win.
    :ivar config_dir: the client's configuration directory. None: what the environment says.
    :ivar is_default_dir: whether it is the client's own default, whatever the environment says. The client does
        not treat its default directory the same when a variable names it.
    """

    executable: str = "claude"
    model: str | None = None
    permission_mode: str | None = None
    arguments: tuple[str, ...] = ()
    config_dir: Path | None = None
    is_default_dir: bool = False

    @property
    def home(self) -> Path:
        """The directory in which the client keeps its transcripts and its register of live processes."""
        if self.config_dir is not None:
            return self.config_dir
        configured = None if self.is_default_dir else os.environ.get("CLAUDE_CONFIG_DIR")
        return Path(configured) if configured else Path.home() / ".claude"


def parse(table: Mapping[str, Any]) -> Settings:
    """Read a settings table, of the configuration or of a session.

    :param table: keys as in ``KEYS``; an empty value means that the key is not set.
    :raises HookError: a key is unknown or a value unusable, and what is allowed.
    """
    given = SettingsTable(table, KEYS)
    is_default_dir = given.text("config_dir") == DEFAULT_DIR
    return Settings(
        executable=given.program("executable", "claude"),
        model=given.text("model"),
        permission_mode=_permission_mode(given.text("permission_mode")),
        arguments=given.options("arguments", _REFUSED, _SHORT),
        config_dir=None if is_default_dir else given.directory("config_dir"),
        is_default_dir=is_default_dir,
    )


def split_settings(arguments: Sequence[str]) -> tuple[list[str], str | None]:
    """Return the arguments without any ``--settings``, and the value of the last one, which the client would take."""
    rest: list[str] = []
    value: str | None = None
    words = iter(arguments)
    for word in words:
        if word == "--settings":
            value = next(words, None)
        elif word.startswith("--settings="):
            value = word.partition("=")[2]
        else:
            rest.append(word)
    return rest, value


def read_settings(value: str | None, directory: Path) -> Mapping[str, Any]:
    """Return what ``--settings`` with this value means to the client: JSON, or a file that holds it.

    :param value: None: nothing.
    :param directory: where the client runs; a relative path counts from there.
    :raises HookError: it cannot be read.
    """
    if value is None:
        return {}
    try:
        text = value if value.lstrip().startswith("{") else (directory / Path(value).expanduser()).read_text()
        found = json.loads(text)
    except (OSError, ValueError) as error:
        raise HookError(f"the argument --settings {value!r:.80} cannot be read: {error}; mend it") from error
    if not isinstance(found, dict):
        raise HookError(f"the argument --settings {value!r:.80} holds no JSON object; mend it")
    return found


def _permission_mode(value: str | None) -> str | None:
    if value is not None and value not in PERMISSION_MODES:
        raise HookError(f"permission_mode is {value!r}: allowed are {', '.join(PERMISSION_MODES)}")
    return value
