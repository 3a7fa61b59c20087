"""What the user may set, parsed into one frozen value."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rouser import HookError

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
    unknown = sorted(set(table) - set(KEYS))
    if unknown:
        raise HookError(f"unknown setting {unknown[0]!r}: allowed are {', '.join(KEYS)}")
    return Settings(
        executable=os.path.expanduser(_text(table, "executable") or "gemini"),  # noqa: PTH111  # a bare name stays one
        model=_text(table, "model"),
        arguments=_arguments(table.get("arguments", ())),
        user_home=_directory(_text(table, "home")),
    )


def _text(table: Mapping[str, Any], key: str) -> str | None:
    value = table.get(key)
    if value is not None and (not isinstance(value, str) or "\0" in value):
        raise HookError(f"{key} must be a string")
    return value or None


def _directory(value: str | None) -> Path | None:
    if value is None:
        return None
    path = Path(value).expanduser()
    if not path.is_absolute():
        raise HookError(f"home is {value!r}: it must be an absolute path")
    return path


def _arguments(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        try:
            value = shlex.split(value)
        except ValueError as error:
            raise HookError(f"arguments cannot be split into words: {error}; quote them as for a shell") from error
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        raise HookError("arguments must be a list of strings, or one string in shell quoting")
    _refuse_conflicts(value)
    return tuple(value)


def _refuse_conflicts(arguments: Sequence[str]) -> None:
    if arguments and not arguments[0].startswith("-"):
        raise HookError(
            f"the argument {arguments[0]!r} cannot be used: the client would take it for the prompt; "
            "begin with an option"
        )
    for word in arguments:
        if "\0" in word:
            raise HookError("arguments hold a NUL character, which no command line can carry")
        option = word if word == "--" else word.partition("=")[0]
        reason = _REFUSED.get(_SHORT.get(option[:2], option))
        if reason:
            raise HookError(f"the argument {word!r} cannot be used: {reason}; leave it out")
