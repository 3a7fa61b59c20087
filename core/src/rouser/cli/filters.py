"""The options by which ``discover`` and ``adopt --all`` choose among conversations."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from rouser.completion import complete_plugin

if TYPE_CHECKING:
    from rouser.discover import Filter

F = TypeVar("F", bound=Callable[..., Any])

RECENT: Final = "7d"
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_since(context: click.Context, parameter: click.Parameter, value: str) -> datetime | None:
    """Return the time that ``--since`` means, with its zone; None for ``all``.

    :raises click.BadParameter: it is no age like ``12h``, no date or time, and not ``all``.
    """
    if value == "all":
        return None
    age = re.fullmatch(r"(\d{1,6})([mhdw])", value)
    try:
        if age:
            return datetime.now().astimezone() - timedelta(**{_UNITS[age[2]]: int(age[1])})
        return datetime.fromisoformat(value).astimezone()
    except (ValueError, OverflowError) as error:
        message = f'"{value}" is no time: give an age like 90m, 12h, 7d or 2w, a date, or all'
        raise click.BadParameter(message, context, parameter) from error


def filtered(command: F) -> F:
    """Add the options to a command."""
    options = (
        click.option("--agent", shell_complete=complete_plugin, help="Only conversations of this agent plugin."),
        click.option("--directory", type=click.Path(path_type=Path), help="Only those that ran there or below."),
        click.option(
            "--since",
            callback=parse_since,
            default=RECENT,
            show_default=True,
            metavar="WHEN",
            help="Only those that are live or were written to since: 12h, 7d, a date, or all.",
        ),
        click.option("--live", "alive", flag_value=True, default=None, type=bool, help="Only those that run."),
        click.option("--dead", "alive", flag_value=False, type=bool, help="Only those that do not run."),
        click.option("--limit", type=click.IntRange(1), metavar="N", help="Only the newest N."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def as_filter(values: dict[str, Any]) -> Filter:
    """Return what :func:`filtered` parsed."""
    from rouser.discover import Filter

    return Filter(**{name: values[name] for name in ("agent", "directory", "since", "alive", "limit")})
