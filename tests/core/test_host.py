"""Calls to one named plugin: routed, within a deadline, wrapped by everybody's wrappers, whatever the plugin does."""

import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from support.fakes import FakeAgent, FakeRuntime, FakeWorkspace, Journal
from support.stage import Stage, make_session, raiser
from support.waiting import wait_for

import rouser
from rouser import (
    HookError,
    HookTimeoutError,
    PluginCallError,
    PluginNotFoundError,
    PluginUnusableError,
    hookimpl,
    time_left,
)
from rouser.agent_provider import Agent
from rouser.host import Host
from rouser.loader import InvalidPluginError
from rouser.runtime_provider import Runtime
from rouser.workspace_provider import Workspace


@pytest.fixture
def journal() -> Journal:
    return Journal()


class TestRouting:
    """A call reaches the named plugin and no other."""

    def test_only_the_named_plugin_is_called(self, journal: Journal) -> None:
        host = Host()
        one, two = FakeRuntime(journal), FakeRuntime(journal)
        host.register(one, "one")
        host.register(two, "two")
        two.live["x"] = None
        assert not host.call("one", "runtime_is_alive", handle="x")
        assert host.call("two", "runtime_is_alive", handle="x")
        assert len(journal.calls) == 2

    def test_wrappers_of_other_plugins_run_around_the_call(self, journal: Journal) -> None:
        class Audit:
            @hookimpl(wrapper=True)
            def runtime_is_alive(self, handle):
                journal.begin("before", handle)
                result = yield
                journal.begin("after", result)
                return result

        host = Host()
        host.register(FakeRuntime(journal), "runtime")
        host.register(Audit(), "audit")
        assert host.call("runtime", "runtime_is_alive", handle="x") is False
        assert journal.calls == [("before", "x"), ("runtime_is_alive", "x"), ("after", False)]

    def test_a_wrapper_alone_is_no_implementation(self) -> None:
        class Audit:
            @hookimpl(wrapper=True)
            def runtime_is_alive(self, handle):
                return (yield)

        host = Host()
        host.register(Audit(), "audit")
        assert host.names("runtime") == []
        with pytest.raises(PluginNotFoundError, match='"audit" does not implement runtime_is_alive'):
            host.call("audit", "runtime_is_alive", handle="x")

    def test_a_hook_that_the_plugin_lacks_is_an_error_not_none(self, journal: Journal) -> None:
        host = Host()
        host.register(FakeRuntime(journal), "runtime")
        with pytest.raises(PluginNotFoundError, match='"runtime" does not implement runtime_attach_command'):
            host.call("runtime", "runtime_attach_command", handle="x")

    def test_a_plugin_that_is_not_there_is_an_error(self) -> None:
        with pytest.raises(PluginNotFoundError, match='no plugin named "tmux" is installed'):
            Host().call("tmux", "runtime_is_alive", handle="x")

    def test_a_missing_kind_says_what_there_is(self, journal: Journal) -> None:
        host = Host()
        host.register(FakeRuntime(journal), "b")
        host.register(FakeRuntime(journal), "a")
        with pytest.raises(PluginNotFoundError, match=r"Runtimes here: a, b\. Find one: pip install rouser-<name>"):
            host.require("zellij", "runtime")

    def test_a_name_is_given_once_and_the_first_plugin_keeps_it(self, journal: Journal) -> None:
        host = Host()
        host.register(FakeRuntime(journal), "runtime")
        with pytest.raises(InvalidPluginError, match="registered already"):
            host.register(FakeRuntime(journal), "runtime")
        assert host.call("runtime", "runtime_is_alive", handle="x") is False


class TestFailures:
    """Whatever a hook raises comes back as one line that names the plugin."""

    @pytest.mark.parametrize(
        ("error", "message"),
        [
            (HookError("the server is down"), "runtime: the server is down"),
            (ValueError("a\n b"), "runtime failed in runtime_is_alive: ValueError: a b"),
            (SystemExit(3), "runtime failed in runtime_is_alive: SystemExit: 3"),
            (KeyboardInterrupt(), "runtime failed in runtime_is_alive: KeyboardInterrupt"),
            (GeneratorExit(), "runtime failed in runtime_is_alive: GeneratorExit"),
        ],
        ids=repr,
    )
    def test_what_it_raises_is_wrapped(self, stage: Stage, error: BaseException, message: str) -> None:
        stage.journal.before["runtime_is_alive"] = raiser(error)
        with pytest.raises(PluginCallError) as caught:
            stage.host.call("runtime", "runtime_is_alive", handle="x")
        assert str(caught.value) == message
        assert caught.value.__cause__ is error
        assert (caught.value.plugin, caught.value.hook) == ("runtime", "runtime_is_alive")

    def test_a_system_without_threads_to_spare_is_a_failed_call(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def start(self: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", start)
        monkeypatch.setattr("rouser.deadline._own.idle", None)
        with pytest.raises(PluginCallError, match="could not be called"):
            stage.host.call("runtime", "runtime_is_alive", handle="x")

    def test_values_of_the_wrong_type_name_plugin_and_hook(self, tmp_path: Path) -> None:
        class Wrong(FakeRuntime, FakeAgent, FakeWorkspace):
            def __init__(self) -> None:
                """Answer everything with an object that nobody expects."""

        for name in dir(Wrong):
            if name.startswith(("runtime_", "agent_", "workspace_")) and hasattr(getattr(Wrong, name), "rouser_impl"):
                setattr(Wrong, name, hookimpl(_answering_object(getattr(Wrong, name))))
        host = Host()
        host.register(Wrong(), "odd")
        session = make_session(tmp_path)
        runtime, agent, workspace = Runtime(host, "odd"), Agent(host, "odd"), Workspace(host, "odd")
        calls = {
            "runtime_create": lambda: runtime.create(session, "n", tmp_path, ["x"], {}),
            "runtime_is_alive": lambda: runtime.is_alive("h"),
            "runtime_get_output": lambda: runtime.get_output("h", 1),
            "runtime_discover": runtime.discover,
            "agent_launch_command": lambda: agent.launch_command(session),
            "agent_restore_command": lambda: agent.restore_command(session),
            "agent_environment": lambda: agent.environment(session),
            "agent_initial_prompt": lambda: agent.initial_prompt(session),
            "agent_detect_activity": lambda: agent.detect_activity(session),
            "agent_find_conversation": lambda: agent.find_conversation(session),
            "agent_prepare": lambda: agent.prepare(session),
            "agent_prompt_arguments": lambda: agent.prompt_arguments(session, "p"),
            "agent_has_started": lambda: agent.has_started(session),
            "agent_explain_screen": lambda: agent.explain_screen(session, ""),
            "agent_holder": lambda: agent.holder(session),
            "agent_prompt_state": lambda: agent.prompt_state(session, "p"),
            "agent_message": lambda: agent.message(session, "p"),
            "agent_holds_input": lambda: agent.holds_input(session, "", "p"),
            "agent_is_ready": lambda: agent.is_ready(session, ""),
            "workspace_create": lambda: workspace.create(session, tmp_path, "b", None),
            "workspace_exists": lambda: workspace.exists(tmp_path),
            "workspace_restore": lambda: workspace.restore(session, tmp_path),
        }
        for hook, call in calls.items():
            with pytest.raises(PluginCallError, match=rf"odd returned object from {hook}, where .* is expected"):
                call()

    @pytest.mark.parametrize("command", ["agent new", b"agent", [], ["agent", 1], [Path("agent")], None])
    def test_a_command_is_a_sequence_of_strings(self, stage: Stage, command: object) -> None:
        stage.agent.launch = command
        with pytest.raises(PluginCallError, match=r"agent returned .* from agent_launch_command"):
            Agent(stage.host, "agent").launch_command(make_session(stage.repository))

    def test_a_workspace_is_an_absolute_path(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        stage.workspace.root = Path("relative")
        monkeypatch.chdir(stage.root)
        with pytest.raises(PluginCallError, match="where absolute path is expected"):
            Workspace(stage.host, "workspace").create(make_session(stage.repository), stage.repository, "b", None)


def _answering_object(hook):
    """Return a function with the parameters of ``hook`` that returns an object."""
    names = ", ".join(hook.__code__.co_varnames[: hook.__code__.co_argcount])
    namespace: dict = {}
    exec(f"def {hook.__name__}({names}):\n    return object()\n", namespace)
    return namespace[hook.__name__]


class TestDeadlines:
    """A hook that hangs costs its deadline and no more."""

    def test_it_is_given_up_in_time(self, hasty_stage: Stage) -> None:
        hasty_stage.journal.before["runtime_is_alive"] = hasty_stage.hang
        begun = time.monotonic()
        with pytest.raises(HookTimeoutError, match=r"runtime did not answer within 0.5 s \(runtime_is_alive\)"):
            hasty_stage.host.call("runtime", "runtime_is_alive", handle="x")
        assert time.monotonic() - begun < 20

    def test_hooks_that_move_many_files_have_longer(self, hasty_stage: Stage) -> None:
        left = []
        hasty_stage.journal.before["workspace_create"] = lambda: left.append(time_left())
        hasty_stage.journal.before["workspace_exists"] = lambda: left.append(time_left())
        hasty_stage.restore(hasty_stage.add(workspace_path=None).id)
        assert 100 < left[0] < 120
        assert left[1] < 0.5

    def test_a_hook_knows_how_long_it_has(self, stage: Stage) -> None:
        left = []
        stage.journal.before["runtime_is_alive"] = lambda: left.append(time_left())
        stage.host.call("runtime", "runtime_is_alive", handle="x")
        assert 0 < left[0] < 5
        assert time_left() == 3600

    def test_a_hook_that_is_late_has_next_to_nothing_left(self, hasty_stage: Stage) -> None:
        left = []

        def linger() -> None:
            while not left or left[-1] > 0.01:
                left.append(time_left())
                time.sleep(0.01)

        hasty_stage.journal.before["runtime_is_alive"] = linger
        with suppress(HookTimeoutError):  # on a busy machine it may be too late even for that
            hasty_stage.host.call("runtime", "runtime_is_alive", handle="x")
        wait_for(lambda: left and left[-1] == 0.01, "hardly any time is left")

    def test_the_process_can_exit_while_a_hook_hangs(self) -> None:
        script = """
import sys, threading
sys.path.insert(0, sys.argv[1])
from rouser import HookTimeoutError, hookimpl
from rouser.host import Host
class Hanging:
    @hookimpl
    def plugin_diagnose(self):
        threading.Event().wait()
host = Host(seconds=0.2)
host.register(Hanging(), "hanging")
try:
    host.call("hanging", "plugin_diagnose")
except HookTimeoutError as error:
    print(error)
"""
        done = subprocess.run(
            [sys.executable, "-c", script, str(Path(rouser.__file__).parents[1])],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert done.stdout == "hanging did not answer within 0.2 s (plugin_diagnose)\n"
        assert done.stderr == ""


class Configurable(FakeRuntime):
    """A runtime that takes settings."""

    @hookimpl
    def plugin_configure(self, settings):
        self.journal.begin("plugin_configure", dict(settings))

    @hookimpl
    def plugin_scratch_settings(self, directory):
        self.journal.begin("plugin_scratch_settings", directory)
        return {}


class TestSettings:
    """A plugin is handed its settings once, before anything else."""

    def test_before_the_first_call_and_never_again(self, journal: Journal) -> None:
        host = Host({"mine": {"socket": "s"}, "other": {"x": "y"}})
        host.register(Configurable(journal), "mine")
        assert journal.calls == []
        for _ in range(2):
            host.call("mine", "runtime_is_alive", handle="x")
        assert [hook for hook, _ in journal.calls] == ["plugin_configure", "runtime_is_alive", "runtime_is_alive"]
        assert journal.of("plugin_configure") == [{"socket": "s"}]

    def test_without_settings_it_gets_an_empty_table(self, journal: Journal) -> None:
        host = Host()
        host.register(Configurable(journal), "mine")
        host.call("mine", "runtime_is_alive", handle="x")
        assert journal.of("plugin_configure") == [{}]

    def test_once_however_many_threads_call(self, journal: Journal) -> None:
        host = Host()
        host.register(Configurable(journal), "mine")
        together = threading.Barrier(6)
        journal.before["plugin_configure"] = lambda: time.sleep(0.05)

        def call() -> None:
            together.wait(30)
            host.call("mine", "runtime_is_alive", handle="x")

        threads = [threading.Thread(target=call) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert [hook for hook, _ in journal.calls] == ["plugin_configure"] + ["runtime_is_alive"] * 6

    def test_scratch_settings_come_before_it_is_configured(self, journal: Journal, tmp_path: Path) -> None:
        host = Host()
        host.register(Configurable(journal), "mine")
        host.call("mine", "plugin_scratch_settings", directory=tmp_path)
        assert [hook for hook, _ in journal.calls] == ["plugin_scratch_settings"]

    def test_settings_that_are_rejected_make_it_unusable_with_its_own_words(self, journal: Journal) -> None:
        host = Host()
        host.register(Configurable(journal), "mine")
        journal.before["plugin_configure"] = raiser(HookError('unknown setting "x"; allowed: socket'))
        for _ in range(2):
            with pytest.raises(PluginUnusableError, match='mine: unknown setting "x"; allowed: socket'):
                host.call("mine", "runtime_is_alive", handle="x")
        assert [hook for hook, _ in journal.calls] == ["plugin_configure"]


def test_a_listener_whose_settings_are_bad_is_a_problem_and_stops_nobody(journal: Journal, tmp_path: Path) -> None:
    class Listener:
        @hookimpl
        def plugin_configure(self, settings):
            raise HookError("no")

        @hookimpl
        def session_restoring(self, session):
            journal.begin("bad", session)

    class Good:
        @hookimpl
        def session_restoring(self, session):
            journal.begin("good", session)

    host = Host()
    host.register(Listener(), "bad")
    host.register(Good(), "good")
    host.notify("session_restoring", session=make_session(tmp_path))
    assert [hook for hook, _ in journal.calls] == ["good"]
    assert host.problems == ["bad: no (in its settings)"]


class _Lazy(Mapping):
    """A mapping that fails when it is read, long after it was returned."""

    def __len__(self) -> int:
        return 1

    def __iter__(self):
        raise RuntimeError("nothing here")

    def __getitem__(self, key):
        raise RuntimeError("nothing here")


class _WordlessError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class TestBlame:
    """Whatever goes wrong with what a plugin did is that plugin's failure, in one line."""

    def test_a_value_that_cannot_be_read(self, stage: Stage) -> None:
        stage.agent.environment = _Lazy()
        with pytest.raises(PluginCallError, match="agent failed in agent_environment: RuntimeError: nothing here"):
            Agent(stage.host, "agent").environment(stage.add())

    def test_an_error_without_words(self, stage: Stage) -> None:
        stage.journal.before["agent_environment"] = raiser(_WordlessError())
        with pytest.raises(PluginCallError, match="_WordlessError: its text cannot be had"):
            Agent(stage.host, "agent").environment(stage.add())

    @pytest.mark.parametrize("kind", [Exception, HookError])
    @pytest.mark.parametrize("raised", [RuntimeError, SystemExit, KeyboardInterrupt])
    def test_an_error_whose_words_are_an_error_themselves(
        self, stage: Stage, kind: type[Exception], raised: type[BaseException]
    ) -> None:
        def text(_: BaseException) -> str:
            raise raised

        error = type("MuteError", (kind,), {"__str__": text})
        stage.journal.before["agent_environment"] = raiser(error())
        with pytest.raises(PluginCallError, match="agent failed in agent_environment: MuteError: its text cannot be"):
            Agent(stage.host, "agent").environment(stage.add())

    def test_an_error_with_too_many_words(self, stage: Stage) -> None:
        stage.journal.before["agent_environment"] = raiser(RuntimeError("x" * 10_000_000))
        with pytest.raises(PluginCallError) as caught:
            Agent(stage.host, "agent").environment(stage.add())
        assert len(str(caught.value)) < 3000
