"""Entry points into plugins: each loaded, checked and registered, or kept out with the cause on record."""

from __future__ import annotations

import inspect
import itertools
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import pluggy

from rouser.deadline import DeadlineExceededError, call_within
from rouser.entrypoints import EntryPoint
from rouser.hookspecs import KINDS, PROJECT, hooks_of, is_optional

_IMPORT_SECONDS: Final = 20.0
_REQUIRED_OF: Final = ("runtime", "agent", "workspace")


class PluginState(StrEnum):
    """What became of a plugin."""

    LOADED = "loaded"
    BLOCKED = "blocked"
    FAILED = "failed"
    CONFLICT = "conflict"


@dataclass(frozen=True, kw_only=True, slots=True)
class PluginInfo:
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


def load_all(manager: pluggy.PluginManager, entries: Iterable[EntryPoint]) -> list[PluginInfo]:
    """Load every entry point into ``manager`` and say what became of each.

    Whatever a plugin does at import (raise, ``sys.exit``, hang) concerns that plugin alone.

    :param entries: sorted by name.
    """
    blocked = blocked_names()
    infos = []
    for name, group in itertools.groupby(entries, key=lambda entry: entry.name):
        infos.append(_load_one(manager, name, list(group), blocked))
    return infos


def blocked_names() -> frozenset[str]:
    """Return the names in ``ROUSER_DISABLE_PLUGINS``, which separates them by commas or spaces."""
    return frozenset(os.environ.get("ROUSER_DISABLE_PLUGINS", "").replace(",", " ").split())


def _load_one(
    manager: pluggy.PluginManager, name: str, entries: Sequence[EntryPoint], blocked: frozenset[str]
) -> PluginInfo:
    distribution = ", ".join(entry.distribution for entry in entries)
    version = ", ".join(entry.version for entry in entries)

    def info(state: PluginState, error: str = "", kinds: tuple[str, ...] = ()) -> PluginInfo:
        return PluginInfo(name=name, state=state, kinds=kinds, distribution=distribution, version=version, error=error)

    if name in blocked:
        return info(PluginState.BLOCKED, "disabled by ROUSER_DISABLE_PLUGINS")
    if len(entries) > 1:
        both = " and ".join(entry.distribution for entry in entries)
        return info(PluginState.CONFLICT, f"{both} both provide it; uninstall one of them")
    try:
        plugin = call_within(_IMPORT_SECONDS, lambda: _imported(entries[0]))
        kinds = register(manager, plugin, name)
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
    """Return an exception as one line: its type, and its text without line breaks."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def register(manager: pluggy.PluginManager, plugin: object, name: str) -> tuple[str, ...]:
    """Register a plugin under ``name`` and return the kinds that it serves.

    :param plugin: a module, an object, or a class to be instantiated without arguments.
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
        return _check(manager, plugin, name)
    except InvalidPluginError:
        _forget(manager, name)
        raise


def _forget(manager: pluggy.PluginManager, name: str) -> None:
    if manager.get_plugin(name) is not None:
        manager.unregister(name=name)


def _check(manager: pluggy.PluginManager, plugin: object, name: str) -> tuple[str, ...]:
    """Return the plugin's kinds after checking that each is whole and that pluggy can call every hook."""
    implemented = set()
    wrappers = False
    for caller in manager.get_hookcallers(plugin) or ():
        for implementation in caller.get_hookimpls():
            if implementation.plugin is not plugin:
                continue
            _reject_keyword_only(implementation.function, caller.name)
            if implementation.wrapper or implementation.hookwrapper:
                wrappers = True
            else:
                implemented.add(caller.name)
    if not implemented and not wrappers:
        raise InvalidPluginError(f"{name} implements no hook of rouser; are its functions marked with @hookimpl?")
    kinds = tuple(kind for kind, spec in KINDS.items() if kind != "plugin" and implemented & set(hooks_of(spec)))
    for kind in kinds:
        if kind in _REQUIRED_OF:
            _require_all(implemented, kind)
    return kinds


def _require_all(implemented: set[str], kind: str) -> None:
    spec = KINDS[kind]
    missing = [hook for hook in hooks_of(spec) if hook not in implemented and not is_optional(spec, hook)]
    if missing:
        raise InvalidPluginError(f"as a {kind} it lacks {', '.join(missing)}")


def _reject_keyword_only(function: object, hook: str) -> None:
    code = getattr(inspect.unwrap(function), "__code__", None)  # type: ignore[arg-type]
    if code is not None and code.co_kwonlyargcount:
        raise InvalidPluginError(f"{hook} has keyword-only parameters, which pluggy never passes; remove the '*'")


def new_manager() -> pluggy.PluginManager:
    """Return a plugin manager that knows rouser's hook specifications and no plugin."""
    manager = pluggy.PluginManager(PROJECT)
    for spec in KINDS.values():
        manager.add_hookspecs(spec)
    return manager
