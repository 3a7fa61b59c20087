"""What the user may set, parsed into one frozen value."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rouser import HookError

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
    unknown = sorted(set(table) - set(KEYS))
    if unknown:
        raise HookError(f"unknown setting {unknown[0]!r}: allowed are {', '.join(KEYS)}")
    return Settings(
        executable=os.path.expanduser(_text(table, "executable") or "codex"),  # noqa: PTH111  # a bare name stays one
        model=_text(table, "model"),
        arguments=_arguments(table.get("arguments", ())),
        config_dir=_directory(_text(table, "config_dir")),
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
        raise HookError(f"config_dir is {value!r}: it must be an absolute path")
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
            f"the argument {arguments[0]!r} cannot be used: the client would take it for a command or for the prompt; "
            "begin with an option"
        )
    for word in arguments:
        if "\0" in word:
            raise HookError("arguments hold a NUL character, which no command line can carry")
        option = word if word == "--" else word.partition("=")[0]
        reason = _REFUSED.get(_SHORT.get(option[:2], option))
        if reason:
            raise HookError(f"the argument {word!r} cannot be used: {reason}; leave it out")
