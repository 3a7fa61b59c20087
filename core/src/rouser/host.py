"""The plugin manager: calls one named plugin, tells all of them, and survives whatever they do."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final, Self

import pluggy

from rouser.deadline import DeadlineExceededError, call_within
from rouser.entrypoints import installed
from rouser.errors import HookError, HookTimeoutError, PluginCallError, PluginNotFoundError, PluginUnusableError
from rouser.loader import PluginInfo, PluginState, describe, load_all, new_manager, register

DEFAULT_SECONDS: Final = 10.0
SLOW_SECONDS: Final = 120.0
_SLOW: Final = frozenset({"workspace_create", "workspace_restore", "workspace_destroy"})


class Host:
    """The plugins of one command, and the calls to them.

    Built once per command and passed to whoever needs it; tests build their own and register plugins in it.

    :param settings: each plugin's settings by its name, handed over before the plugin's first hook call.
    :param seconds: the deadline of a hook call in seconds; hooks that move many files get at least 120.
    """

    def __init__(
        self, settings: Mapping[str, Mapping[str, Any]] | None = None, seconds: float = DEFAULT_SECONDS
    ) -> None:
        self._manager: Final = new_manager()
        self._settings: Final = {} if settings is None else settings
        self._seconds: Final = seconds
        self._infos: dict[str, PluginInfo] = {}
        self._rejected: Final[dict[str, PluginCallError | None]] = {}
        self._configuring: Final = threading.Lock()
        self.problems: list[str] = []

    @classmethod
    def load(cls, settings: Mapping[str, Mapping[str, Any]] | None = None, seconds: float = DEFAULT_SECONDS) -> Self:
        """Return a host with all installed plugins."""
        host = cls(settings, seconds)
        for info in load_all(host._manager, installed()):
            host._infos[info.name] = info
            if info.state in {PluginState.FAILED, PluginState.CONFLICT}:
                host.problems.append(f'plugin "{info.name}" ({info.distribution}) is not usable: {info.error}')
        return host

    def register(self, plugin: object, name: str) -> None:
        """Add a plugin that no entry point names.

        :param plugin: a module, an object, or a class to be instantiated without arguments.
        :raises rouser.loader.InvalidPluginError: it breaks the hook specifications.
        """
        kinds = register(self._manager, plugin, name)
        self._infos[name] = PluginInfo(name=name, state=PluginState.LOADED, kinds=kinds)

    @property
    def plugins(self) -> list[PluginInfo]:
        """All plugins, loaded or not, by name."""
        return [self._infos[name] for name in sorted(self._infos)]

    def names(self, kind: str) -> list[str]:
        """Return the names of the loaded plugins of a kind."""
        return [info.name for info in self.plugins if kind in info.kinds]

    def require(self, plugin_name: str, kind: str) -> None:
        """Check that a plugin is there and serves ``kind``.

        :raises PluginNotFoundError: it is not installed, or of another kind.
        :raises PluginUnusableError: it is installed and not loaded, or rejects its settings.
        """
        info = self._infos.get(plugin_name)
        if info is not None and info.state is not PluginState.LOADED:
            raise PluginUnusableError(f'the plugin "{plugin_name}" is {info.state}: {info.error}', plugin_name)
        if info is None or kind not in info.kinds:
            here = ", ".join(self.names(kind)) or "none"
            what = f'no plugin named "{plugin_name}" is installed' if info is None else f'"{plugin_name}" is no {kind}'
            find = "Find one: pip install rouser-<name>"
            raise PluginNotFoundError(f"{what}. {kind.capitalize()}s here: {here}. {find}", plugin_name)

    def implements(self, plugin_name: str, hook_name: str) -> bool:
        """Return whether a loaded plugin itself implements a hook; wrappers don't count."""
        plugin = self._manager.get_plugin(plugin_name)
        if plugin is None:
            return False
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook_name)
        return any(
            implementation.plugin is plugin and not (implementation.wrapper or implementation.hookwrapper)
            for implementation in caller.get_hookimpls()
        )

    def call(self, plugin_name: str, hook_name: str, **arguments: Any) -> Any:
        """Call a hook of one named plugin, within its deadline, inside the hook wrappers of all plugins.

        :returns: what the plugin returned.
        :raises PluginNotFoundError: the plugin is not installed, or lacks this hook.
        :raises PluginUnusableError: the plugin is not loaded, or rejects its settings.
        :raises HookTimeoutError: it did not return in time.
        :raises PluginCallError: it raised; the original is the cause.
        """
        self._require_hook(plugin_name, hook_name)
        if hook_name != "plugin_scratch_settings":
            self._configure(plugin_name)
        return self._call(plugin_name, hook_name, arguments)

    def notify(self, hook_name: str, **arguments: Any) -> None:
        """Tell every plugin that implements an event hook; what goes wrong is added to :attr:`problems`."""
        for name in self._infos:
            if not self.implements(name, hook_name):
                continue
            try:
                self._configure(name)
                self._call(name, hook_name, arguments)
            except (PluginCallError, PluginUnusableError) as error:
                self.problems.append(str(error))

    def _require_hook(self, plugin_name: str, hook_name: str) -> None:
        if self.implements(plugin_name, hook_name):
            return
        info = self._infos.get(plugin_name)
        if info is None:
            raise PluginNotFoundError(f'no plugin named "{plugin_name}" is installed', plugin_name)
        if info.state is not PluginState.LOADED:
            raise PluginUnusableError(f'the plugin "{plugin_name}" is {info.state}: {info.error}', plugin_name)
        raise PluginNotFoundError(f'the plugin "{plugin_name}" does not implement {hook_name}', plugin_name)

    def _configure(self, plugin_name: str) -> None:
        """Hand a plugin its settings, once, however many threads are about to call it."""
        if plugin_name not in self._rejected:
            with self._configuring:
                if plugin_name not in self._rejected:
                    self._rejected[plugin_name] = self._rejection(plugin_name)
        rejection = self._rejected[plugin_name]
        if rejection is not None:
            raise PluginUnusableError(f"{rejection} (in its settings)", plugin_name) from rejection

    def _rejection(self, plugin_name: str) -> PluginCallError | None:
        if self.implements(plugin_name, "plugin_configure"):
            settings = self._settings.get(plugin_name, {})
            try:
                self._call(plugin_name, "plugin_configure", {"settings": settings})
            except PluginCallError as error:
                return error
        return None

    def _call(self, plugin_name: str, hook_name: str, arguments: Mapping[str, Any]) -> Any:
        caller = self._caller(plugin_name, hook_name)
        seconds = max(self._seconds, SLOW_SECONDS) if hook_name in _SLOW else self._seconds

        def called() -> Any:
            # In here, a KeyboardInterrupt is the plugin's own: Ctrl-C reaches the main thread alone.
            try:
                return caller(**arguments)
            except HookError as error:
                raise PluginCallError(f"{plugin_name}: {error}", plugin_name, hook_name) from error
            except BaseException as error:
                raise PluginCallError(
                    f"{plugin_name} failed in {hook_name}: {describe(error)}", plugin_name, hook_name
                ) from error

        try:
            return call_within(seconds, called)
        except DeadlineExceededError as error:
            message = f"{plugin_name} did not answer within {seconds:g} s ({hook_name})"
            raise HookTimeoutError(message, plugin_name, hook_name) from error
        except RuntimeError as error:
            message = f"{plugin_name} could not be called ({hook_name}): {describe(error)}"
            raise PluginCallError(message, plugin_name, hook_name) from error

    def _caller(self, plugin_name: str, hook_name: str) -> pluggy.HookCaller:
        """Return the hook without the other plugins' own implementations, but with everybody's wrappers."""
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook_name)
        plugin = self._manager.get_plugin(plugin_name)
        others = [
            implementation.plugin
            for implementation in caller.get_hookimpls()
            if implementation.plugin is not plugin and not (implementation.wrapper or implementation.hookwrapper)
        ]
        return self._manager.subset_hook_caller(hook_name, others)
