"""Hook wrappers run around the calls of every plugin, whatever else their plugin does."""

import pytest
from support.fakes import FakeRuntime, Journal

from rouser import HookError, PluginCallError, hookimpl
from rouser.host import Host


class Auditing(FakeRuntime):
    """A runtime that also listens in on others."""

    @hookimpl(wrapper=True, specname="runtime_is_alive")
    def around_is_alive(self, handle):
        self.journal.begin("before", handle)
        alive = yield
        self.journal.begin("after", alive)
        return alive


class Older(FakeRuntime):
    """A runtime that listens in on others in pluggy's older way."""

    @hookimpl(hookwrapper=True, specname="runtime_is_alive", tryfirst=True)
    def around_is_alive(self, handle):
        self.journal.begin("first", handle)
        yield
        self.journal.begin("last", None)


@pytest.fixture
def journal() -> Journal:
    return Journal()


def calls(journal: Journal, host: Host, plugin: str) -> list[str]:
    journal.calls.clear()
    assert host.call(plugin, "runtime_is_alive", handle="x") is False
    return [hook for hook, _ in journal.calls]


@pytest.mark.parametrize("order", [("plain", "auditing", "older"), ("older", "auditing", "plain")])
def test_a_plugin_that_implements_a_hook_wraps_it_for_others_too(journal: Journal, order: tuple[str, ...]) -> None:
    host = Host()
    kinds = {"plain": FakeRuntime, "auditing": Auditing, "older": Older}
    for name in order:
        host.register(kinds[name](journal), name)
    for name in order:
        assert calls(journal, host, name) == ["first", "before", "runtime_is_alive", "after", "last"]


def test_only_the_named_plugin_is_called_and_blamed_within_such_wrappers(journal: Journal) -> None:
    class Failing(FakeRuntime):
        @hookimpl
        def runtime_is_alive(self, handle):
            raise HookError("the server is down")

    host = Host()
    host.register(Auditing(journal), "auditing")
    host.register(Failing(journal), "failing")
    with pytest.raises(PluginCallError, match=r"^failing: the server is down$"):
        host.call("failing", "runtime_is_alive", handle="x")
    assert journal.calls == [("before", "x")]


def test_what_a_wrapper_makes_of_an_answer_is_checked(journal: Journal) -> None:
    class Forgetful(FakeRuntime):
        @hookimpl(wrapper=True, specname="runtime_is_alive")
        def around_is_alive(self):
            yield

    host = Host()
    host.register(FakeRuntime(journal), "plain")
    host.register(Forgetful(journal), "forgetful")
    with pytest.raises(PluginCallError, match="returned NoneType from runtime_is_alive, where bool is expected"):
        host.call("plain", "runtime_is_alive", handle="x")
