"""The guard over the inherited tests: none is removed, replaced or emptied without a reason that everybody can read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_PREFIX: Final = "test_"
_NEEDS: Final = "rouser_needs"


def needs(capability: str) -> Callable[[F], F]:
    """Mark a test of the kit that only plugins with an optional hook, or another capability, can pass."""

    def mark(function: F) -> F:
        setattr(function, _NEEDS, (*needed_by(function), capability))
        return function

    return mark


def needed_by(function: object) -> tuple[str, ...]:
    """Return the capabilities that a test needs; none when every plugin has to pass it."""
    capabilities: tuple[str, ...] = getattr(function, _NEEDS, ())
    return capabilities


def tests_of(base: type) -> dict[str, object]:
    """Return the tests that a class of the kit brings, by name."""
    found: dict[str, object] = {}
    for parent in reversed(base.__mro__):
        found |= {name: value for name, value in vars(parent).items() if name.startswith(_PREFIX)}
    return found


def needs_of(base: type) -> frozenset[str]:
    """Return every capability that one of the tests of a class needs."""
    return frozenset(capability for test in tests_of(base).values() for capability in needed_by(test))


def tampered(cls: type, kit: Mapping[str, object], changed: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with the inherited tests of an author's class, a sentence each.

    :param kit: the tests as the kit defines them.
    :param changed: the tests that the author says are changed, and why.
    """
    for name, test in kit.items():
        if getattr(cls, name, None) is not test and not changed.get(name, "").strip():
            yield (
                f"{cls.__name__} removes or overrides {name} of the kit; if it must,"
                f' say so: changed = {{"{name}": "the reason"}}'
            )
    for name, reason in changed.items():
        if name not in kit:
            yield f"{cls.__name__}.changed names {name}, which is no test of the kit"
        elif not reason.strip():
            yield f"{cls.__name__}.changed gives no reason for {name}"
    if getattr(cls, "__test__", True) is not True:
        yield f"{cls.__name__} switches off the collection of its tests with __test__"
