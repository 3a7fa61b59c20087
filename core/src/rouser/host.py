"""The plugin manager: calls one named plugin, tells all of them, and survives whatever they do."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Self

import pluggy

from rouser.answers import WrongAnswerError, checked
from rouser.deadline import DeadlineExceededError, call_each_within, call_within, in_turn
from rouser.entrypoints import installed
from rouser.errors import (
    HookError,
    HookTimeoutError,
    PluginCallError,
    PluginError,
    PluginNotFoundError,
    PluginUnusableError,
)
from rouser.loader import (
    Installed,
    PluginInfo,
    PluginState,
    blocked_names,
    by_name,
    describe,
    load,
    new_manager,
    register,
)
from rouser.surroundings import Surroundings

DEFAULT_SECONDS: Final = 10.0
SLOW_SECONDS: Final = 120.0
_SLOW: Final = frozenset(
    {
        "workspace_create",
        "workspace_restore",
        "workspace_destroy",
        "workspace_snapshot",
        "workspace_restore_snapshot",
    }
)
# Starts programs, and may have those that are wanted at the same time started together. One after another in one
# thread, as quick calls are made, they would never meet, and be quick enough for that on a fast machine.
_OVERLAPPING: Final = frozenset({"runtime_create"})


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
        self._waiting: Final[dict[str, Installed]] = {}
        self._loading: Final = threading.Lock()
        self._callers: Final[dict[tuple[str, str], Callable[..., Any] | None]] = {}
        self._rejected: Final[dict[str, PluginCallError | None]] = {}
        self._configuring: Final = threading.Lock()
        self._surroundings: Surroundings | None = None
        self.problems: list[str] = []

    @classmethod
    def load(cls, settings: Mapping[str, Mapping[str, Any]] | None = None, seconds: float = DEFAULT_SECONDS) -> Self:
        """Return a host with all installed plugins.

        A plugin that declares what it serves is loaded when that is wanted, every other one now: it may have
        hook wrappers or listen to events.
        """
        host = cls(settings, seconds)
        host._surroundings = Surroundings()
        for plugin in by_name(installed()):
            host._waiting[plugin.name] = plugin
        for plugin in list(host._waiting.values()):
            if not plugin.kinds:
                host._ensure(plugin.name)
        return host

    def _ensure(self, plugin_name: str) -> None:
        """Load a plugin, if it is installed and has not been loaded."""
        if plugin_name not in self._waiting:
            return
        with in_turn(self._loading):
            plugin = self._waiting.get(plugin_name)
            if plugin is None:
                return
            info = load(self._manager, plugin)
            self._put_back()
            self._callers.clear()
            self._infos[plugin_name] = info
            if info.state in {PluginState.FAILED, PluginState.CONFLICT}:
                self.problems.append(f'plugin "{info.name}" ({info.distribution}) is not usable: {info.error}')
            del self._waiting[plugin_name]

    def _ensure_all(self, *kinds: str) -> None:
        """Load the plugins that declare one of these; without any, all of them."""
        for name, plugin in list(self._waiting.items()):
            if not kinds or not set(kinds).isdisjoint(plugin.kinds):
                self._ensure(name)

    def register(self, plugin: object, name: str) -> None:
        """Add a plugin that no entry point names.

        :param plugin: a module, an object, or a class to be instantiated without arguments.
        :raises rouser.loader.InvalidPluginError: it breaks the hook specifications.
        """
        kinds = register(self._manager, plugin, name)
        self._callers.clear()  # it may have wrappers
        self._infos[name] = PluginInfo(name=name, state=PluginState.LOADED, kinds=kinds)

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of this command, whatever plugins have made of it."""
        return os.environ if self._surroundings is None else self._surroundings.environment

    @property
    def plugins(self) -> list[PluginInfo]:
        """All plugins, loaded or not, by name."""
        self._ensure_all()
        return [self._infos[name] for name in sorted(self._infos)]

    @property
    def there(self) -> set[str]:
        """The names of all plugins that are installed and not blocked, loaded or not."""
        infos = {name for name, info in self._infos.items() if info.state is not PluginState.BLOCKED}
        return infos | (self._waiting.keys() - blocked_names())

    def names(self, kind: str) -> list[str]:
        """Return the names of the usable plugins of a kind."""
        self._ensure_all(kind)
        return [name for name in sorted(self._infos) if kind in self._infos[name].kinds]

    def require(self, plugin_name: str, kind: str) -> None:
        """Check that a plugin is there and serves ``kind``.

        :raises PluginNotFoundError: it is not installed, or of another kind.
        :raises PluginUnusableError: it is installed and not loaded, or rejects its settings.
        """
        self._ensure(plugin_name)
        info = self._infos.get(plugin_name)
        if info is not None and info.state is not PluginState.LOADED:
            raise PluginUnusableError(f'the plugin "{plugin_name}" is {info.state}: {info.error}', plugin_name)
        if info is None or kind not in info.kinds:
            here = ", ".join(self.names(kind)) or "none"
            what = f'no plugin named "{plugin_name}" is installed' if info is None else f'"{plugin_name}" is no {kind}'
            find = "Find one: pip install rouser-<name>"
            raise PluginNotFoundError(f"{what}. {kind.capitalize()}s here: {here}. {find}", plugin_name)

    def implements(self, plugin_name: str, hook_name: str) -> bool:
        """Return whether a usable plugin itself implements a hook; wrappers don't count."""
        self._ensure(plugin_name)
        return self._caller(plugin_name, hook_name) is not None

    def call(self, plugin_name: str, hook_name: str, **arguments: Any) -> Any:
        """Call a hook of one named plugin, within its deadline, inside the hook wrappers of all plugins.

        :returns: what the plugin returned, checked, see :mod:`rouser.answers`.
        :raises PluginNotFoundError: the plugin is not installed, or lacks this hook.
        :raises PluginUnusableError: the plugin is not loaded, or rejects its settings.
        :raises HookTimeoutError: it did not return in time.
        :raises PluginCallError: it raised, and the original is the cause; or it returned what it must not.
        """
        self._require_hook(plugin_name, hook_name)
        if hook_name != "plugin_scratch_settings":
            self._configure(plugin_name)
        return self._call(plugin_name, hook_name, arguments)

    def call_each(
        self, plugin_name: str, hook_name: str, calls: Sequence[Mapping[str, Any]]
    ) -> list[Any | PluginError]:
        """Make many calls of a hook, one after another, each within its deadline; cheaper than as many ``call``.

        :param calls: the arguments of each.
        :returns: for each what the plugin returned, or what :meth:`call` would have raised.
        """
        try:
            self._require_hook(plugin_name, hook_name)
            self._configure(plugin_name)
        except PluginError as error:
            return [error] * len(calls)
        made = [self._called(plugin_name, hook_name, arguments) for arguments in calls]
        try:
            outcomes = call_each_within(self._limit(hook_name), made)
        except RuntimeError as error:
            outcomes = [error] * len(made)
        self._put_back()
        return [self._failure(plugin_name, hook_name, outcome) or outcome for outcome in outcomes]

    def notify(self, hook_name: str, **arguments: Any) -> None:
        """Tell every plugin that implements an event hook; what goes wrong is added to :attr:`problems`."""
        self._ensure_all("events", hook_name)
        for name in list(self._infos):
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
            with in_turn(self._configuring):
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
        try:
            made = self._called(plugin_name, hook_name, arguments)
            kind = None if hook_name in _OVERLAPPING else (plugin_name, hook_name)
            return call_within(self._limit(hook_name), made, kind)
        except (DeadlineExceededError, RuntimeError) as error:
            raise self._failure(plugin_name, hook_name, error) or error from error
        finally:
            self._put_back()

    def _put_back(self) -> None:
        """Undo what a plugin did to the process around it; not where tests register plugins of their own."""
        if self._surroundings is not None:
            self._surroundings.put_back()

    def _limit(self, hook_name: str) -> float:
        return max(self._seconds, SLOW_SECONDS) if hook_name in _SLOW else self._seconds

    def _called(self, plugin_name: str, hook_name: str, arguments: Mapping[str, Any]) -> Callable[[], Any]:
        """Return a function that calls the hook, and raises nothing but ``PluginCallError``."""
        caller = self._caller(plugin_name, hook_name)
        if caller is None:
            raise AssertionError("only a hook that is implemented is called")

        def called() -> Any:
            # In here, a KeyboardInterrupt is the plugin's own: Ctrl-C reaches the main thread alone.
            try:
                return checked(hook_name, caller(**arguments))
            except WrongAnswerError as error:
                message = f"{plugin_name} returned {error.found} from {hook_name}, where {error.expected} is expected"
                raise PluginCallError(message, plugin_name, hook_name) from error
            except BaseException as error:
                try:
                    said = f"{plugin_name}: {error}" if isinstance(error, HookError) else ""
                except BaseException:  # whatever its own text raises
                    said = ""
                said = said or f"{plugin_name} failed in {hook_name}: {describe(error)}"
                raise PluginCallError(said, plugin_name, hook_name) from error

        return called

    def _failure(self, plugin_name: str, hook_name: str, outcome: Any) -> PluginCallError | None:
        """Return what went wrong with a call as an error of the plugin's; None when nothing did."""
        if isinstance(outcome, PluginCallError):
            return outcome
        if isinstance(outcome, DeadlineExceededError):
            limit = self._limit(hook_name)
            late = f"within {limit:g} s" if outcome.seconds >= limit else "again"  # the same words for all of many
            message = f"{plugin_name} did not answer {late} ({hook_name})"
            return HookTimeoutError(message, plugin_name, hook_name)
        if isinstance(outcome, RuntimeError):  # no thread can be started
            message = f"{plugin_name} could not be called ({hook_name}): {describe(outcome)}"
            return PluginCallError(message, plugin_name, hook_name)
        return None

    def _caller(self, plugin_name: str, hook_name: str) -> Callable[..., Any] | None:
        """Return the hook without the other plugins' own implementations, but with everybody's wrappers.

        None when the plugin itself does not implement it. Remembered, as thousands of calls ask for the same.
        """
        key = (plugin_name, hook_name)
        if key not in self._callers:
            self._callers[key] = self._made_caller(plugin_name, hook_name)
        return self._callers[key]

    def _made_caller(self, plugin_name: str, hook_name: str) -> Callable[..., Any] | None:
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook_name)
        plugin = self._manager.get_plugin(plugin_name)
        implementations = caller.get_hookimpls()
        wrappers = [one for one in implementations if one.wrapper or one.hookwrapper]
        owners = {one.plugin for one in implementations if one not in wrappers}
        if plugin is None or plugin not in owners:
            return None
        others = owners - {plugin}
        if others.isdisjoint(wrapper.plugin for wrapper in wrappers):
            return self._manager.subset_hook_caller(hook_name, others)
        kept = [one for one in implementations if one in wrappers or one.plugin == plugin]
        return self._manager.caller_of(hook_name, kept)
