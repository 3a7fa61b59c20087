"""What the user may set, parsed into one frozen value."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from rouser import HookError, SettingsTable

KEYS: Final = ("command", "prompt", "ready_pattern", "resume")


class PromptWay(StrEnum):
    """How the prompt reaches the command."""

    TYPE = "type"
    ARGUMENT = "argument"
    NONE = "none"


class Settings(NamedTuple):
    """The settings of one session, or those of the configuration.

    :ivar command: the argv to run, placeholders and all; empty when none is known.
    :ivar resume: the argv to run in its place at a restore; empty when there is none.
    :ivar ready_pattern: what the terminal shows once the command takes input. None: that cannot be told.
    :ivar prompt: how the prompt travels, where ``command`` does not say it with ``{prompt}``.
    """

    command: tuple[str, ...] = ()
    resume: tuple[str, ...] = ()
    ready_pattern: re.Pattern[str] | None = None
    prompt: PromptWay = PromptWay.TYPE


def parse(table: Mapping[str, Any]) -> Settings:
    """Read the settings table of the configuration.

    :param table: keys as in ``KEYS``; a command line is a list of strings, or one string in shell quoting.
    :raises HookError: a key is unknown or a value unusable, and what is allowed.
    """
    settings = SettingsTable(table, KEYS)
    return Settings(
        command=settings.words("command"),
        resume=settings.words("resume"),
        ready_pattern=_pattern(table.get("ready_pattern")),
        prompt=_way(table.get("prompt", PromptWay.TYPE)),
    )


def parse_session(agent_config: Mapping[str, Any]) -> Settings:
    """Read the settings of a session, where the ``arguments`` behind ``--`` win over ``command``.

    Where ``command`` and ``resume`` are both configured they belong together: for another command line the
    ``resume`` then holds only if it starts the same program, as a restore must not bring up a different agent.

    :raises HookError: as :func:`parse`.
    """
    settings = parse({key: value for key, value in agent_config.items() if key != "arguments"})
    arguments = SettingsTable(agent_config, (*KEYS, "arguments")).words("arguments")
    if not arguments:
        return settings
    belongs = not settings.command or settings.resume[:1] == arguments[:1]
    resume = settings.resume if belongs else ()
    return Settings(command=arguments, resume=resume, ready_pattern=settings.ready_pattern, prompt=settings.prompt)


def _pattern(value: object) -> re.Pattern[str] | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise HookError("ready_pattern must be a string: a Python regular expression")
    try:
        return re.compile(value, re.MULTILINE)
    except re.error as error:
        raise HookError(f"ready_pattern is not a regular expression: {error}") from error


def _way(value: object) -> PromptWay:
    try:
        return PromptWay(str(value))
    except ValueError as error:
        raise HookError(f"prompt is {value!r}: allowed are {', '.join(PromptWay)}") from error
