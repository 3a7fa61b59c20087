"""Of several runtimes that the configuration names, the first that is of use is taken."""

from __future__ import annotations

import pytest

from rouser import HookError, PluginNotFoundError, PluginUnusableError, hookimpl
from rouser.errors import PluginCallError
from rouser.host import Host
from rouser.loader import PluginInfo, PluginState
from rouser.providers import first_usable


class Plain:
    @hookimpl
    def runtime_create(self): ...

    @hookimpl
    def runtime_is_alive(self): ...

    @hookimpl
    def runtime_send_message(self): ...

    @hookimpl
    def runtime_destroy(self): ...


class Missing(Plain):
    @hookimpl
    def plugin_available(self):
        return "its program is not installed"


class Broken(Plain):
    @hookimpl
    def plugin_available(self):
        raise HookError("it cannot be told")


class Odd(Plain):
    @hookimpl
    def plugin_available(self):
        return False


class Listener:
    @hookimpl
    def session_restored(self): ...


@pytest.fixture
def host():
    made = Host()
    for plugin in (Plain, Missing, Broken, Odd, Listener):
        made.register(plugin(), plugin.__name__.lower())
    for name, state in (("failed", PluginState.FAILED), ("blocked", PluginState.BLOCKED)):
        made._infos[name] = PluginInfo(name=name, state=state, error=f"it is {name}")
    return made


@pytest.mark.parametrize(
    "names", ["plain", "plain, missing", "missing,plain", "none, missing , plain", "blocked, plain"]
)
def test_what_is_not_there_disabled_or_of_no_use_is_passed_over(host, names):
    assert first_usable(host, "runtime", names) == "plain"


@pytest.mark.parametrize("name", ["missing", "none", "failed", "broken"])
def test_one_that_is_named_alone_is_taken_unexamined(host, name):
    assert first_usable(host, "runtime", name) == name


@pytest.mark.parametrize(
    ("names", "error", "words"),
    [
        ("none, nobody", PluginNotFoundError, 'no plugin named "none" is installed'),
        ("missing, none", PluginUnusableError, "missing: its program is not installed"),
        ("failed, plain", PluginUnusableError, "it is failed"),
        ("blocked, none", PluginUnusableError, "it is blocked"),
        ("listener, plain", PluginNotFoundError, '"listener" is no runtime'),
        ("broken, plain", PluginCallError, "it cannot be told"),
        ("odd, plain", PluginCallError, "str or None"),
        ("", PluginNotFoundError, "no plugin named"),
    ],
)
def test_what_is_broken_is_not_passed_over_and_who_is_left_with_none_hears_why(host, names, error, words):
    with pytest.raises(error, match=words):
        first_usable(host, "runtime", names)
