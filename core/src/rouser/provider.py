"""What the typed facades over ``host.call`` share: the rest of the program never sees an untyped hook.

Each method of a facade is the hook of the same name for one named plugin. The host has checked what comes back; a
facade refuses what is of the right type and makes no sense, and answers for optional hooks that the plugin leaves
out. All raise what :meth:`rouser.host.Host.call` raises.
"""

from __future__ import annotations

from typing import Any, Final

from rouser.errors import PluginCallError
from rouser.host import Host
from rouser.models import Diagnosis


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

    def _optional(self, hook: str, **arguments: Any) -> Any:
        """Call an optional hook that may answer None, which is also the answer of a plugin that leaves it out."""
        return self._call(hook, **arguments) if self._has(hook) else None

    def _wrong(self, hook: str, value: object, expected: str) -> PluginCallError:
        return PluginCallError(
            f"{self.name} returned {type(value).__name__} from {hook}, where {expected} is expected",
            self.name,
            hook,
        )

    def unavailable(self) -> str | None:
        """Return why the plugin is of no use on this machine; None when it is, or does not say."""
        reason: str | None = self._optional("plugin_available")
        return reason

    def diagnose(self) -> list[Diagnosis]:
        """Return the plugin's own findings; empty when it has none."""
        return self._optional("plugin_diagnose") or []
