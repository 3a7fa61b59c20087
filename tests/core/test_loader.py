"""Installed plugins: found, loaded, checked, or kept out with the cause; none can harm another."""

import importlib.metadata
import itertools
import sys
import textwrap
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rouser import PluginNotFoundError, PluginUnusableError, loader
from rouser.entrypoints import installed
from rouser.host import Host
from rouser.loader import PluginInfo, PluginState

GOOD = """
from rouser import hookimpl
@hookimpl
def session_restoring(session): pass
"""
_numbers = itertools.count()


class Site:
    """A directory of installed distributions."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, name: str, source: str, *, distribution: str = "", value: str = "{module}", kinds: str = "") -> str:
        """Install a distribution with one plugin, whose module has a name that no other test uses; return that."""
        module = f"plugin_of_a_test_{next(_numbers)}"
        (self.path / f"{module}.py").write_text(textwrap.dedent(source))
        declared = ["[rouser.kinds]", f"{name} = {kinds}"] if kinds else []
        self.declare(distribution or f"rouser_{module}", f"{name} = {value.format(module=module)}", *declared)
        return module

    def declare(self, distribution: str, *lines: str, version: str = "1.2", group: str = "rouser") -> Path:
        directory = self.path / f"{distribution.replace('-', '_')}-{version}.dist-info"
        directory.mkdir()
        (directory / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (directory / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]))
        return directory


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Provide a directory in which alone plugins are looked for; modules are still found everywhere."""
    directory = tmp_path / "site"
    directory.mkdir()
    monkeypatch.syspath_prepend(str(directory))
    monkeypatch.setattr("rouser.host.installed", lambda: installed(path=[str(directory)]))
    return Site(directory)


def states(host: Host) -> dict[str, PluginState]:
    return {info.name: info.state for info in host.plugins}


def failure(site: Site, source: str, **options: str) -> PluginInfo:
    """Load a broken plugin between two good ones; check that those work, and return what became of it."""
    site.add("aa-good", GOOD)
    site.add("broken", source, **options)
    site.add("zz-good", GOOD)
    host = Host.load()
    good, broken, other = host.plugins
    assert (good.state, other.state) == (PluginState.LOADED, PluginState.LOADED)
    assert host.names("events") == ["aa-good", "zz-good"]
    assert broken.kinds == ()
    assert "\n" not in broken.error
    assert host.problems == [f'plugin "broken" ({broken.distribution}) is not usable: {broken.error}']
    for action in (
        lambda: host.require("broken", "runtime"),
        lambda: host.call("broken", "runtime_is_alive", handle="x"),
    ):
        with pytest.raises(PluginUnusableError) as caught:
            action()
        assert broken.error in str(caught.value)
    assert not host.implements("broken", "session_restoring")
    return broken


IMPORT = "from rouser import hookimpl\n"


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise RuntimeError('a\\n b')", "RuntimeError: a b"),
        ("import sys; sys.exit('bye')", "SystemExit: bye"),
        ("raise KeyboardInterrupt", "importing it raised KeyboardInterrupt"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("x = (", "SyntaxError"),
        ("x = 1", "broken implements no hook of rouser; are its functions marked with @hookimpl?"),
        (
            IMPORT + "@hookimpl\ndef runtime_is_alive(handle): pass",
            "as a runtime it lacks runtime_create, runtime_send",
        ),
        (IMPORT + "@hookimpl\ndef session_restorin(session): pass", "unknown hook 'session_restorin'"),
        (IMPORT + "@hookimpl\ndef session_restoring(sessions): pass", "sessions"),
        (
            IMPORT + "@hookimpl\ndef session_restoring(*, session): pass",
            "session_restoring has keyword-only parameters",
        ),
        (
            IMPORT + "@hookimpl\ndef session_restoring(*arguments): pass",
            "session_restoring takes only * or **, which pluggy never fills; name the parameters it needs",
        ),
        (
            IMPORT + "@hookimpl(wrapper=True)\ndef session_restoring(**arguments): return (yield)",
            "session_restoring takes only * or **",
        ),
    ],
)
def test_a_broken_plugin_is_kept_out_with_its_cause(site: Site, source: str, error: str) -> None:
    info = failure(site, source)
    assert info.state is PluginState.FAILED
    assert error in info.error


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("raise SystemExit(4)", "SystemExit: 4"),
        ("raise KeyboardInterrupt", "importing it raised KeyboardInterrupt"),
        ("raise ValueError('no home')", "ValueError: no home"),
    ],
)
def test_a_plugin_that_cannot_be_made_is_kept_out(site: Site, body: str, error: str) -> None:
    source = f"class Plugin:\n    def __init__(self):\n        {body}\n"
    assert failure(site, source, value="{module}:Plugin").error == error


@pytest.mark.parametrize("hang", ["{hang}", "class P:\n    def __init__(self):\n        {hang}"])
def test_a_plugin_that_hangs_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch, hang: str) -> None:
    monkeypatch.setattr(loader, "_IMPORT_SECONDS", 0.5)
    source = "import threading\n" + hang.format(hang="threading.Event().wait(5)")
    info = failure(site, source, value="{module}:P" if "class" in hang else "{module}")
    assert info.error == "importing it took longer than 0.5 s"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("async def session_restoring(session): pass", "session_restoring is async"),
        ("async def session_restoring(session): yield", "session_restoring is async"),
        ("def session_restoring(session): yield", "session_restoring is a generator"),
    ],
)
def test_a_hook_that_would_return_before_it_has_done_anything_is_kept_out(site: Site, body: str, error: str) -> None:
    site.add("odd", f"from rouser import hookimpl\n@hookimpl\n{body}\n")
    (info,) = Host.load().plugins
    assert info.state is PluginState.FAILED
    assert info.error.startswith(error)


@pytest.mark.parametrize("kind", ["wrapper", "hookwrapper"])
def test_a_wrapper_is_a_generator(site: Site, kind: str) -> None:
    site.add("good", f"from rouser import hookimpl\n@hookimpl({kind}=True)\ndef session_restoring(session): yield\n")
    assert states(Host.load()) == {"good": PluginState.LOADED}


def test_a_decorator_may_run_what_is_async(site: Site) -> None:
    source = """
        import asyncio, functools
        from rouser import hookimpl
        def run(function):
            return functools.wraps(function)(lambda session: asyncio.run(function(session)))
        @hookimpl
        @run
        async def session_restoring(session): pass
    """
    site.add("good", source)
    assert states(Host.load()) == {"good": PluginState.LOADED}


@pytest.mark.parametrize(
    "source",
    [
        "def session_restoring(): pass",
        "def session_restoring(session, **more): pass",
        "@functools.wraps(lambda session: None)\ndef session_restoring(*given): pass",
    ],
)
def test_parameters_may_be_left_out_or_be_another_functions(site: Site, source: str) -> None:
    site.add("good", f"import functools\nfrom rouser import hookimpl\n@hookimpl\n{source}\n")
    assert states(Host.load()) == {"good": PluginState.LOADED}


def test_an_object_that_is_not_hashable_is_kept_out(site: Site) -> None:
    source = IMPORT + "class P(dict):\n    @hookimpl\n    def session_restoring(self, session): pass\nplugin = P()"
    assert "not hashable" in failure(site, source, value="{module}:plugin").error


def test_an_attribute_that_is_not_there_is_told(site: Site) -> None:
    assert "AttributeError" in failure(site, GOOD, value="{module}:missing").error


def test_one_name_from_two_distributions_is_a_conflict_that_names_both(site: Site) -> None:
    site.add("broken", GOOD, distribution="rouser-first")
    info = failure(site, GOOD, distribution="rouser-second")
    assert info.state is PluginState.CONFLICT
    assert info.error == "rouser-first and rouser-second both provide it; uninstall one of them"


@pytest.mark.parametrize("value", ["bad", "other, bad", "other bad"])
def test_a_blocked_plugin_is_not_imported_and_no_problem(
    site: Site, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("ROUSER_DISABLE_PLUGINS", value)
    site.add("bad", "raise SystemExit")
    site.add("good", GOOD)
    host = Host.load()
    assert states(host) == {"bad": PluginState.BLOCKED, "good": PluginState.LOADED}
    assert host.problems == []
    with pytest.raises(PluginUnusableError, match="disabled by ROUSER_DISABLE_PLUGINS"):
        host.require("bad", "runtime")


def test_a_loaded_plugin_says_where_it_comes_from(site: Site) -> None:
    site.add("good", GOOD, distribution="Rouser-Good")
    (info,) = Host.load().plugins
    assert info == PluginInfo(
        name="good", state=PluginState.LOADED, kinds=("events",), distribution="Rouser-Good", version="1.2"
    )


def test_a_class_is_instantiated_and_an_object_taken_as_it_is(site: Site) -> None:
    source = IMPORT + "class P:\n    @hookimpl\n    def session_restoring(self, session): pass\nplugin = P()"
    site.add("class", source, value="{module}:P")
    site.add("object", source, value="{module}:plugin")
    assert set(states(Host.load()).values()) == {PluginState.LOADED}


def test_a_plugin_of_a_newer_host_may_add_parameters_with_defaults(site: Site) -> None:
    site.add("newer", IMPORT + "@hookimpl\ndef session_restoring(session, reason='none'): pass")
    assert states(Host.load()) == {"newer": PluginState.LOADED}


AGENT = """
from rouser import hookimpl
@hookimpl
def agent_launch_command(session): return ["true"]
@hookimpl
def agent_restore_command(session): return None
@hookimpl
def agent_environment(session): return {}
@hookimpl
def agent_initial_prompt(session): return ""
@hookimpl
def agent_detect_activity(session): return None
@hookimpl
def agent_find_conversation(session): return None
"""


class TestDeclaredKinds:
    def test_one_that_declares_what_it_serves_is_imported_when_that_is_wanted(self, site: Site) -> None:
        agent = site.add("an-agent", AGENT, kinds="agent")
        other = site.add("other-agent", AGENT, kinds="agent")
        host = Host.load()
        host.notify("session_restoring", session=None)
        assert not {agent, other} & sys.modules.keys()
        host.require("an-agent", "agent")
        assert agent in sys.modules
        assert other not in sys.modules
        assert host.names("agent") == ["an-agent", "other-agent"]
        assert other in sys.modules

    @pytest.mark.parametrize("kinds", ["events", "session_restoring"])
    def test_a_listener_is_imported_when_there_is_something_to_tell(self, site: Site, kinds: str) -> None:
        module = site.add("listener", GOOD, kinds=kinds)
        host = Host.load()
        assert module not in sys.modules
        host.notify("session_restoring", session=None)
        assert module in sys.modules

    def test_a_listener_to_one_event_is_not_imported_for_another(self, site: Site) -> None:
        module = site.add("listener", GOOD, kinds="session_restoring")
        Host.load().notify("session_removed", session=None)
        assert module not in sys.modules

    def test_one_that_does_not_say_is_imported_at_once(self, site: Site) -> None:
        module = site.add("silent", AGENT)
        Host.load()
        assert module in sys.modules

    @pytest.mark.parametrize(
        ("source", "more"),
        [
            (AGENT + GOOD, "has session_restoring too"),
            (AGENT + "@hookimpl(wrapper=True)\ndef runtime_is_alive(): return (yield)", "has hook wrappers too"),
        ],
    )
    def test_one_that_does_more_than_it_declares_is_kept_out(self, site: Site, source: str, more: str) -> None:
        site.add("more", source, kinds="agent")
        (info,) = Host.load().plugins
        assert info.state is PluginState.FAILED
        assert more in info.error

    def test_a_broken_one_harms_only_those_that_name_it(self, site: Site) -> None:
        site.add("broken", "import no_such_module", kinds="agent")
        host = Host.load()
        host.notify("session_restoring", session=None)
        assert host.problems == []
        assert "broken" in host.there
        with pytest.raises(PluginUnusableError, match="no_such_module"):
            host.require("broken", "agent")

    def test_it_is_loaded_once_however_many_threads_want_it(self, site: Site) -> None:
        site.add("slow", "import time; time.sleep(0.05)\n" + AGENT, kinds="agent")
        host = Host.load()
        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(host.require, "slow", "agent") for _ in range(4)]:
                done.result()


def test_without_plugins_there_is_nothing_to_call(site: Site) -> None:
    host = Host.load()
    assert host.plugins == []
    with pytest.raises(PluginNotFoundError, match="Agents here: none"):
        host.require("claude-code", "agent")


class TestEntryPoints:
    """What is installed is what importlib.metadata says."""

    def theirs(self, path: list[str], group: str = "rouser") -> set[tuple[str, str]]:
        found = importlib.metadata.distributions(path=path)
        return {(entry.name, entry.value) for each in found for entry in each.entry_points if entry.group == group}

    def ours(self, path: list[str], group: str = "rouser") -> set[tuple[str, str]]:
        return {(entry.name, entry.value) for entry in installed(group, path)}

    @pytest.mark.parametrize("group", ["rouser", "console_scripts", "pytest11", "no_such_group"])
    def test_of_the_running_environment(self, group: str) -> None:
        theirs = {(entry.name, entry.value) for entry in importlib.metadata.entry_points(group=group)}
        assert self.ours(sys.path, group) == theirs
        assert bool(theirs) == (group != "no_such_group")

    def test_of_odd_but_valid_files(self, site: Site) -> None:
        site.declare(
            "rouser-odd",
            "a.b-c_d = some.module:Thing.inner",
            "  spaced   =   other.module : Thing  ".replace(" : ", ":"),
            "# comment = not.this",
            "",
            "; also = strange",
            "[other]",
            "x = y",
        )
        site.declare("rouser.dotted-name_x", "dotted = m")
        site.declare("unrelated", "rouser = m", group="rouser.other")
        path = [str(site.path)]
        assert self.ours(path) == self.theirs(path)
        assert ("a.b-c_d", "some.module:Thing.inner") in self.ours(path)
        assert ("spaced", "other.module:Thing") in self.ours(path)

    def test_names_and_versions_of_distributions(self, site: Site) -> None:
        site.declare("Rouser-My.Plugin", "x = m", version="1.0rc1+local")
        (entry,) = installed(path=[str(site.path)])
        assert (entry.distribution, entry.version) == ("Rouser-My.Plugin", "1.0rc1+local")

    def test_of_egg_infos(self, site: Site) -> None:
        egg = site.path / "rouser_old-0.3-py3.11.egg-info"
        egg.mkdir()
        (egg / "PKG-INFO").write_text("Metadata-Version: 1.1\nName: rouser-old\nVersion: 0.3\n")
        (egg / "entry_points.txt").write_text("[rouser]\nold = m\n")
        (site.path / "single-1.0.egg-info").write_text("Metadata-Version: 1.1\nName: single\nVersion: 1.0\n")
        (entry,) = installed(path=[str(site.path)])
        assert (entry.name, entry.distribution, entry.version) == ("old", "rouser-old", "0.3")

    def test_of_zip_files(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "bundle.zip", "w") as bundle:
            bundle.writestr("rouser_zipped-2.0.dist-info/METADATA", "Name: rouser-zipped\nVersion: 2.0\n")
            bundle.writestr("rouser_zipped-2.0.dist-info/entry_points.txt", "[rouser]\nzipped = m:P\n")
        (entry,) = installed(path=[str(tmp_path / "bundle.zip")])
        assert (entry.name, entry.value, entry.distribution) == ("zipped", "m:P", "rouser-zipped")

    def test_a_distribution_that_is_there_twice_counts_once_the_first_on_the_path(self, tmp_path: Path) -> None:
        for place, version in (("one", "2.0"), ("two", "1.0")):
            (tmp_path / place).mkdir()
            Site(tmp_path / place).declare("rouser-twice", f"twice = of_{place}", version=version)
        (entry,) = installed(path=[str(tmp_path / "one"), str(tmp_path / "two")])
        assert (entry.value, entry.version) == ("of_one", "2.0")

    def test_places_that_cannot_be_read_are_passed_over(self, site: Site, tmp_path: Path) -> None:
        site.declare("rouser-x", "x = m")
        (tmp_path / "file").write_text("no archive")
        path = [str(tmp_path / "nowhere"), str(tmp_path / "file"), str(site.path), str(site.path)]
        assert self.ours(path) == {("x", "m")}

    def test_they_come_sorted_by_name(self, site: Site) -> None:
        site.declare("rouser-b", "z = m", "a = m")
        site.declare("rouser-a", "m = m")
        assert [entry.name for entry in installed(path=[str(site.path)])] == ["a", "m", "z"]
