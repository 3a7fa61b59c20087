"""The pytest plugin of the kit: loaded by pytest where ``rouser[testing]`` is installed, silent elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from rouser.answers import WrongAnswerError
from rouser.errors import HookError, PluginCallError

if TYPE_CHECKING:
    from rouser.testing.base import Conformance


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what the plugins under test declared that they lack or change, so that it is never silent."""
    classes = _collected.values()
    lines = [line for cls in classes for line in _declared(cls)]
    if lines:
        terminalreporter.section("rouser conformance")
        for line in lines:
            terminalreporter.line(line)


_collected: dict[str, type[Conformance]] = {}


def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Check each author's class once more: a class can be changed after it was defined."""
    del session
    for cls in {item.cls for item in items if isinstance(item, pytest.Function)}:
        if cls is not None and _is_of_the_kit(cls):
            _collected[cls.__qualname__] = cls
            if problems := cls.problems():
                raise pytest.UsageError("; ".join(problems))


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Say in one line which hook is still to be written, refuses or answers wrongly: a traceback would say no more."""
    try:
        return (yield)
    except PluginCallError as error:
        cause = error.__cause__
        if not _is_of_the_kit(pyfuncitem.cls):
            raise
        if isinstance(cause, HookError):
            line = f"{error.hook} raises HookError: {cause}"
        elif isinstance(cause, NotImplementedError):
            line = f"{cause} ({error.hook})"
        elif isinstance(cause, WrongAnswerError):
            line = str(error)
        else:
            raise
    pytest.fail(line, pytrace=False)


def _is_of_the_kit(cls: type | None) -> bool:
    module = sys.modules.get("rouser.testing.base")
    return module is not None and cls is not None and issubclass(cls, module.Conformance)


def _declared(cls: type[Conformance]) -> list[str]:
    lacks = [f"{cls.__name__} lacks {name}: {reason}" for name, reason in sorted(cls.missing.items())]
    changes = [f"{cls.__name__} changes {name}: {reason}" for name, reason in sorted(cls.changed.items())]
    return lacks + changes
