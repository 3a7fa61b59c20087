"""A plugin's settings, read key by key; whatever is wrong with one is an error that names it."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from rouser.errors import HookError


class SettingsTable:
    """A settings table, of the configuration or of a session.

    An empty value means that the key is not set, so that a variable can take back what a file sets.

    :param table: as ``plugin_configure`` or ``Session.agent_config`` has it.
    :param keys: those that are known.
    :raises HookError: another one is set; the message says which are allowed.
    """

    def __init__(self, table: Mapping[str, Any], keys: Collection[str]) -> None:
        unknown = sorted(set(table) - set(keys))
        if unknown:
            raise HookError(f"unknown setting {unknown[0]!r}: allowed are {', '.join(keys)}")
        self._table: Final = table

    def text(self, key: str) -> str | None:
        """Return a string; None when it is not set.

        :raises HookError: it is none, or holds a NUL character.
        """
        value = self._table.get(key)
        if value is not None and (not isinstance(value, str) or "\0" in value):
            raise HookError(f"{key} must be a string")
        return value or None

    def program(self, key: str, default: str) -> str:
        """Return the name or path of a program, with ``~`` replaced.

        :param default: for a key that is not set.
        :raises HookError: it is no string.
        """
        return os.path.expanduser(self.text(key) or default)  # noqa: PTH111  # a Path would lose a leading ./

    def directory(self, key: str) -> Path | None:
        """Return an absolute path, with ``~`` replaced; None when it is not set.

        :raises HookError: it is no string, or not absolute.
        """
        value = self.text(key)
        if value is None:
            return None
        path = Path(value).expanduser()
        if not path.is_absolute():
            raise HookError(f"{key} is {value!r}: it must be an absolute path")
        return path

    def words(self, key: str) -> tuple[str, ...]:
        """Return a part of a command line: a list of strings, or one string in shell quoting.

        :raises HookError: it is neither, or holds a NUL character.
        """
        value = self._table.get(key, ())
        if isinstance(value, str):
            import shlex  # only strings have to be split

            try:
                value = shlex.split(value)
            except ValueError as error:
                raise HookError(f"{key} cannot be split into words: {error}; quote them as for a shell") from error
        if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
            raise HookError(f"{key} must be a list of strings, or one string in shell quoting")
        if any("\0" in word for word in value):
            raise HookError(f"{key} holds a NUL character, which no command line can carry")
        return tuple(value)

    def options(
        self, key: str, refused: Mapping[str, str], short: Mapping[str, str], *, only: bool = False
    ) -> tuple[str, ...]:
        """Return options for a program, none of which rouser or a plugin has to decide.

        :param refused: options that cannot be used, by their long names, and why not.
        :param short: the long name of each option that has a short one, as ``-r``.
        :param only: whether the first word must be an option too, as the program would take another one for a
            command, a directory or the prompt.
        :raises HookError: one of them is there, or as for :meth:`words`.
        """
        found = self.words(key)
        if only and found and not found[0].startswith("-"):
            raise HookError(f"the argument {found[0]!r} cannot be used: it is no option; begin with one")
        for word in found:
            option = word if word == "--" else word.partition("=")[0]
            reason = refused.get(short.get(option[:2], option))
            if reason:
                raise HookError(f"the argument {word!r} cannot be used: {reason}; leave it out")
        return found
