"""Command lines that are run without click: the same as click would have made of them, or left to it."""

from __future__ import annotations

import inspect
from importlib import import_module
from itertools import chain, combinations

import click
import pytest

from rouser.cli.direct import DIRECT, direct_call, direct_values


def commands_of(name: str) -> tuple[click.Command, dict[str, object]]:
    """Return the click command, and the parameters that the function behind both has without any option."""
    direct = DIRECT[name]
    function = getattr(import_module(direct.module), direct.function)
    command: click.Command = import_module(f"rouser.cli.{name}").command
    return command, {key: parameter.default for key, parameter in inspect.signature(function).parameters.items()}


@pytest.mark.parametrize("name", DIRECT)
def test_every_choice_of_flags_means_what_click_makes_of_it(name: str) -> None:
    command, defaults = commands_of(name)
    flags = list(DIRECT[name].flags)
    ids = [[], ["a90"], ["a90", "b-1", "a90"]] if DIRECT[name].everything else [[]]
    taken = 0
    for chosen in chain.from_iterable(combinations(flags, count) for count in range(len(flags) + 1)):
        for sessions in ids:
            arguments = [*sessions[:1], *chosen, *sessions[1:]]
            values = direct_values([name, *arguments])
            if values is not None:
                taken += 1
                assert defaults | values == command.make_context(name, list(arguments)).params
    assert taken >= 2 ** len(flags)


@pytest.mark.parametrize("name", DIRECT)
def test_every_flag_is_known(name: str) -> None:
    command, _ = commands_of(name)
    flags = {option for item in command.params if getattr(item, "is_flag", False) for option in item.opts}
    assert flags == set(DIRECT[name].flags)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--version"],
        ["nothing"],
        ["--debug", "ls"],
        ["ls", "--help"],
        ["ls", "--js"],
        ["ls", "--project", "shop"],
        ["ls", "more"],
        ["ls", ""],
        ["restore"],
        ["restore", "--all", "a90"],
        ["restore", "--jobs", "2", "--all"],
        ["restore", "--", "a90"],
        ["restore", ""],
        ["show", "a90"],
    ],
)
def test_all_else_is_left_to_click(arguments: list[str]) -> None:
    assert direct_values(arguments) is None


@pytest.mark.parametrize("name", ["_ROUSER_COMPLETE", "ROUSER_DEBUG"])
def test_what_click_reads_from_the_environment_is_left_to_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert direct_call(["ls"]) is not None
    monkeypatch.setenv(name, "zsh_complete")
    assert direct_call(["ls"]) is None
