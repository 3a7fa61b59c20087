"""What the typed facades over ``host.call`` share: the rest of the program never sees an untyped hook.

Each method of a facade is the hook of the same name for one named plugin; it checks the type of what comes back,
and answers for optional hooks that the plugin leaves out. All raise what :meth:`rouser.host.Host.call` raises.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from rouser.errors import PluginCallError
from rouser.host import Host
from rouser.models import Diagnosis

T = TypeVar("T")


class Provider:
    """One plugin in one role."""

    kind = ""

    def __init__(self, host: Host, name: str) -> None:
        self._host: Final = host
        self.name: Final = name

    def _has(self, hook: str) -> bool:
        return self._host.implements(self.name, hook)

    def _call(self, hook: str, **arguments: Any) -> Any:
        return self._host.call(self.name, hook, **arguments)

    def _typed(self, expected: type[T], hook: str, **arguments: Any) -> T:
        value = self._call(hook, **arguments)
        if not isinstance(value, expected):
            raise self._wrong(hook, value, expected.__name__)
        return value

    def _optional(self, expected: type[T], hook: str, **arguments: Any) -> T | None:
        """Call an optional hook that may answer None, which is also the answer of a plugin that leaves it out."""
        value = self._call(hook, **arguments) if self._has(hook) else None
        if value is not None and not isinstance(value, expected):
            raise self._wrong(hook, value, f"{expected.__name__} or None")
        return value

    def _argv(self, hook: str, *, optional: bool = False, **arguments: Any) -> tuple[str, ...] | None:
        value = self._call(hook, **arguments)
        if value is None and optional:
            return None
        if isinstance(value, str | bytes) or not isinstance(value, Sequence):
            raise self._wrong(hook, value, "sequence of str")
        if not all(isinstance(item, str) for item in value):
            raise self._wrong(hook, value, "sequence of str")
        return tuple(value)

    def _entries(self, expected: type[T], hook: str, **arguments: Any) -> list[T]:
        value = self._call(hook, **arguments)
        if isinstance(value, str | bytes) or not isinstance(value, Sequence):
            raise self._wrong(hook, value, f"sequence of {expected.__name__}")
        for item in value:
            if not isinstance(item, expected):
                raise self._wrong(hook, item, expected.__name__)
        return list(value)

    def _json(self, hook: str, value: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            json.dumps(dict(value))
        except (TypeError, ValueError) as error:
            raise self._wrong(hook, value, "mapping of str to JSON values") from error
        return value

    def _wrong(self, hook: str, value: object, expected: str) -> PluginCallError:
        return PluginCallError(
            f"{self.name} returned {type(value).__name__} from {hook}, where {expected} is expected",
            self.name,
            hook,
        )

    def unavailable(self) -> str | None:
        """Return why the plugin is of no use on this machine; None when it is, or does not say."""
        if not self._has("plugin_available"):
            return None
        value = self._call("plugin_available")
        if value is not None and not isinstance(value, str):
            raise self._wrong("plugin_available", value, "str or None")
        return value

    def diagnose(self) -> list[Diagnosis]:
        """Return the plugin's own findings; empty when it has none."""
        return self._entries(Diagnosis, "plugin_diagnose") if self._has("plugin_diagnose") else []
