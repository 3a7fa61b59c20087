"""Entry points into plugins: each loaded, checked and registered, or kept out with the cause on record."""

import inspect
import itertools
import os
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from types import ModuleType
from typing import Any, Final, NamedTuple

import pluggy

from rouser.deadline import DeadlineExceededError, call_within
from rouser.entrypoints import KINDS_GROUP, EntryPoint
from rouser.hookspecs import KINDS, PROJECT, hooks_of, is_optional

_IMPORT_SECONDS: Final = 20.0
_LONGEST_TEXT: Final = 2000
_REQUIRED_OF: Final = ("runtime", "agent", "workspace")


class PluginState(StrEnum):
    """What became of a plugin."""

    LOADED = "loaded"
    BLOCKED = "blocked"
    FAILED = "failed"
    CONFLICT = "conflict"


class PluginInfo(NamedTuple):
    """One installed plugin, loaded or not.

    :ivar name: the entry point's name.
    :ivar state: what became of it.
    :ivar kinds: the kinds that it serves, of ``runtime``, ``agent``, ``workspace``, ``events``; empty when not loaded.
    :ivar distribution: the distribution that it comes from; several, joined by ``, ``, in a conflict.
    :ivar version: that distribution's version.
    :ivar error: why it is not loaded, one line; empty when it is.
    """

    name: str
    state: PluginState
    kinds: tuple[str, ...] = ()
    distribution: str = ""
    version: str = ""
    error: str = ""


class InvalidPluginError(Exception):
    """A plugin does not keep to the hook specifications."""


class Installed(NamedTuple):
    """All entry points of one name, not loaded yet.

    :ivar name: the plugin's name.
    :ivar entries: where it is found; more than one is a conflict.
    """

    name: str
    entries: tuple[EntryPoint, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that it declares to serve, and no others; empty: it does not say, or is in conflict."""
        return self.entries[0].kinds if len(self.entries) == 1 else ()


def by_name(entries: Iterable[EntryPoint]) -> list[Installed]:
    """Return the plugins that entry points, sorted by name, stand for."""
    return [Installed(name, tuple(group)) for name, group in itertools.groupby(entries, key=lambda entry: entry.name)]


def blocked_names() -> frozenset[str]:
    """Return the names in ``ROUSER_DISABLE_PLUGINS``, which separates them by commas or spaces."""
    return frozenset(os.environ.get("ROUSER_DISABLE_PLUGINS", "").replace(",", " ").split())


def load(manager: pluggy.PluginManager, plugin: Installed) -> PluginInfo:
    """Load a plugin into ``manager`` and say what became of it.

    Whatever it does at import (raise, ``sys.exit``, hang) concerns that plugin alone.
    """
    name, entries = plugin.name, plugin.entries
    distribution = ", ".join(entry.distribution for entry in entries)
    version = ", ".join(entry.version for entry in entries)

    def info(state: PluginState, error: str = "", kinds: tuple[str, ...] = ()) -> PluginInfo:
        return PluginInfo(name=name, state=state, kinds=kinds, distribution=distribution, version=version, error=error)

    if name in blocked_names():
        return info(PluginState.BLOCKED, "disabled by ROUSER_DISABLE_PLUGINS")
    if len(entries) > 1:
        both = " and ".join(entry.distribution for entry in entries)
        return info(PluginState.CONFLICT, f"{both} both provide it; uninstall one of them")
    try:
        found = call_within(_IMPORT_SECONDS, lambda: _imported(entries[0]))
        kinds = register(manager, found, name, plugin.kinds)
    except DeadlineExceededError:
        return info(PluginState.FAILED, f"importing it took longer than {_IMPORT_SECONDS:g} s")
    except KeyboardInterrupt:
        raise
    except InvalidPluginError as error:
        return info(PluginState.FAILED, str(error))
    except BaseException as error:
        return info(PluginState.FAILED, describe(error))
    return info(PluginState.LOADED, kinds=kinds)


def _imported(entry: EntryPoint) -> object:
    """Import a plugin and make its instance, in a thread where a KeyboardInterrupt can only be the plugin's own."""
    try:
        return _instance(entry.load())
    except KeyboardInterrupt as error:
        raise InvalidPluginError(f"importing it raised {describe(error)}") from error


def _instance(plugin: object) -> object:
    return plugin() if inspect.isclass(plugin) else plugin


def describe(error: BaseException) -> str:
    """Return an exception as one line of at most 2,000 characters: its type, and its text without line breaks."""
    try:
        text = " ".join(str(error).split())
    except BaseException:  # SystemExit would be taken for the end of the command
        text = "its text cannot be had"
    if len(text) > _LONGEST_TEXT:
        text = f"{text[:_LONGEST_TEXT]}…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def register(
    manager: pluggy.PluginManager, plugin: object, name: str, declared: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Register a plugin under ``name`` and return the kinds that it serves.

    :param plugin: a module, an object, or a class to be instantiated without arguments.
    :param declared: the kinds that its distribution declares, and no others; empty: it does not say.
    :raises InvalidPluginError: it breaks the hook specifications; it is not registered then.
    """
    plugin = _instance(plugin)
    if manager.get_plugin(name) is not None:
        raise InvalidPluginError(f"a plugin named {name} is registered already")
    if getattr(plugin, "__hash__", None) is None:
        raise InvalidPluginError(f"{type(plugin).__name__} objects are not hashable, which pluggy needs")
    try:
        manager.register(plugin, name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        _forget(manager, name)
        raise InvalidPluginError(" ".join(str(error).split())) from error
    except BaseException:
        _forget(manager, name)
        raise
    try:
        return _check(manager, plugin, name, declared)
    except InvalidPluginError:
        _forget(manager, name)
        raise


def _forget(manager: pluggy.PluginManager, name: str) -> None:
    if manager.get_plugin(name) is not None:
        manager.unregister(name=name)


def _check(manager: pluggy.PluginManager, plugin: object, name: str, declared: tuple[str, ...]) -> tuple[str, ...]:
    """Return the plugin's kinds after checking that each is whole and that pluggy can call every hook."""
    implemented = set()
    wrappers = False
    for caller in manager.get_hookcallers(plugin) or ():
        for implementation in caller.get_hookimpls():
            if implementation.plugin is not plugin:
                continue
            _reject_keyword_only(implementation.function, caller.name)
            _reject_nameless(implementation, caller.name)
            if implementation.wrapper or implementation.hookwrapper:
                wrappers = True
            else:
                _reject_unfinished(implementation.function, caller.name)
                implemented.add(caller.name)
    if not implemented and not wrappers:
        raise InvalidPluginError(f"{name} implements no hook of rouser; are its functions marked with @hookimpl?")
    kinds = tuple(kind for kind, spec in KINDS.items() if kind != "plugin" and implemented & set(hooks_of(spec)))
    for kind in kinds:
        if kind in _REQUIRED_OF:
            _require_all(implemented, kind)
    if declared:
        _hold_to(declared, implemented, wrappers=wrappers)
    return kinds


def _hold_to(declared: tuple[str, ...], implemented: set[str], *, wrappers: bool) -> None:
    """Reject a plugin that does more than it declares: it is not loaded by commands that need none of that."""
    allowed = set(declared).union(*(hooks_of(KINDS[kind]) for kind in (*declared, "plugin") if kind in KINDS))
    more = [*sorted(implemented - allowed), *["hook wrappers"] * wrappers]
    if more:
        raise InvalidPluginError(
            f"{KINDS_GROUP} declares it as {', '.join(declared)}, but it has {', '.join(more)} too"
        )


def _require_all(implemented: set[str], kind: str) -> None:
    spec = KINDS[kind]
    missing = [hook for hook in hooks_of(spec) if hook not in implemented and not is_optional(spec, hook)]
    if missing:
        raise InvalidPluginError(f"as a {kind} it lacks {', '.join(missing)}")


def _reject_keyword_only(function: object, hook: str) -> None:
    code = getattr(inspect.unwrap(function), "__code__", None)  # type: ignore[arg-type]
    if code is not None and code.co_kwonlyargcount:
        raise InvalidPluginError(f"{hook} has keyword-only parameters, which pluggy never passes; remove the '*'")


def _reject_nameless(implementation: pluggy.HookImpl, hook: str) -> None:
    """Reject what seems to take whatever comes, and would be called with nothing."""
    code = getattr(inspect.unwrap(implementation.function), "__code__", None)
    takes_any = code is not None and code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    if takes_any and not (implementation.argnames or implementation.kwargnames):
        raise InvalidPluginError(f"{hook} takes only * or **, which pluggy never fills; name the parameters it needs")


def _reject_unfinished(function: object, hook: str) -> None:
    """Reject what has done nothing yet when it returns; not looked for behind decorators, which may see to it."""
    flags: int = getattr(getattr(function, "__code__", None), "co_flags", 0)
    if flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        raise InvalidPluginError(f"{hook} is async, and nobody would await it; make it a plain function")
    if flags & inspect.CO_GENERATOR:
        raise InvalidPluginError(
            f"{hook} is a generator, which only a wrapper may be; return a value in place of yield"
        )


class Manager(pluggy.PluginManager):
    """Spares pluggy a careful look at attributes whose names no hook can have, and tells implementations apart."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        """Return how a plugin's attribute is marked; None when it is no hook's."""
        return None if name.startswith("_") else super().parse_hookimpl_opts(plugin, name)

    def parse_hookspec_opts(self, module_or_class: ModuleType | type, name: str) -> pluggy.HookspecOpts | None:
        """Return how a specification's attribute is marked; None when it is no hook's."""
        return None if name.startswith("_") else super().parse_hookspec_opts(module_or_class, name)

    def caller_of(self, hook: str, implementations: Sequence[pluggy.HookImpl]) -> Callable[..., Any]:
        """Return a function that calls a hook with only these of its implementations, in the order of pluggy's list.

        Pluggy itself can only leave out all that a plugin has of a hook, its wrappers included.
        """
        spec: Any = getattr(self.hook, hook).spec
        is_first = bool(spec.opts.get("firstresult"))
        return lambda **arguments: self._hookexec(hook, implementations, arguments, is_first)


def new_manager() -> Manager:
    """Return a plugin manager that knows rouser's hook specifications and no plugin."""
    manager = Manager(PROJECT)
    for spec in KINDS.values():
        manager.add_hookspecs(spec)
    return manager
