"""What the conformance classes have in common: fixtures, capabilities, and tests that any plugin must pass."""

from __future__ import annotations

import inspect
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest

from rouser.errors import HookError, PluginUnusableError
from rouser.hookspecs import KINDS, PROJECT, hooks_of, is_optional
from rouser.host import Host
from rouser.loader import InvalidPluginError
from rouser.testing import guard, processes
from rouser.testing.imports import seconds_to_import
from rouser.testing.verdict import expect, fail

NAME: Final = "under-test"
DEADLINE: Final = 10.0
_KIT: Final = "rouser.testing."
_IMPORT_SECONDS: Final = 0.25
_OF_THE_USER: Final = ("ROUSER_", "XDG_", "TMUX", "GIT_", "STY", "CLAUDE")


class Conformance:
    """Base of the classes that authors subclass.

    :cvar missing: optional hooks that the plugin leaves out and other capabilities that it lacks, each with the
        reason. Their tests are skipped with that reason; what is not named here has to be there and work.
    :cvar changed: inherited tests that the class overrides on purpose, each with the reason.
    :cvar programs: names of the programs that the plugin runs, found through ``PATH``. The kit replaces
        them by ones that hang, deny or are not there. Say ``()`` when it runs none.
    :cvar declares: False where the kit runs without an author's class.
    """

    kind: ClassVar[str] = ""
    behaviours: ClassVar[frozenset[str]] = frozenset()
    missing: ClassVar[Mapping[str, str]] = {}
    changed: ClassVar[Mapping[str, str]] = {}
    programs: ClassVar[Sequence[str] | None] = None
    declares: ClassVar[bool] = True
    _inherited: ClassVar[Mapping[str, object]] = {}

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Refuse a subclass that takes inherited tests away, when it is defined."""
        super().__init_subclass__(**arguments)
        if cls.__module__.startswith(_KIT):
            return
        if problems := cls.problems():
            raise TypeError("; ".join(problems))

    @classmethod
    def problems(cls) -> list[str]:
        """Return what is wrong with the inherited tests, a sentence each."""
        # As they were when this class was defined: a class of the kit can be tampered with, too.
        if "_inherited" not in vars(cls):
            kit = next(base for base in cls.__mro__ if base.__module__.startswith(_KIT))
            cls._inherited = guard.tests_of(kit)
        return list(guard.tampered(cls, cls._inherited, cls.changed))

    @pytest.fixture
    def plugin(self) -> object:
        """Return the plugin: the class or module that the entry point names, or an object. To be overridden."""
        return fail(f"{type(self).__name__} needs a fixture named plugin that returns the plugin's class")

    @pytest.fixture
    def settings(self, plugin: object, scratch: Path) -> Mapping[str, Any]:
        """Return the settings to test with; those of ``plugin_scratch_settings`` unless overridden."""
        host = Host()
        host.register(plugin, NAME)
        if not host.implements(NAME, "plugin_scratch_settings"):
            return {}
        found: Mapping[str, Any] = host.call(NAME, "plugin_scratch_settings", directory=scratch)
        return found

    @pytest.fixture
    def root(self) -> Iterator[Path]:
        """Provide a directory with a short path of unique name, and remove it and every process that names it."""
        path = Path(tempfile.mkdtemp(prefix="rk-")).resolve()
        try:
            yield path
        finally:
            processes.end_all(path)
            shutil.rmtree(path, ignore_errors=True)

    @pytest.fixture
    def scratch(self, root: Path) -> Path:
        """Return an empty, private directory with a short path, for the plugin's backend and files."""
        path = root / "s"
        path.mkdir(mode=0o700)
        return path

    @pytest.fixture(autouse=True)
    def isolated(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Keep everything of the user's out of reach: home, configuration, sockets, git's own settings."""
        for name in [name for name in os.environ if name.startswith(_OF_THE_USER)]:
            monkeypatch.delenv(name)
        (root / "h").mkdir(mode=0o700)
        monkeypatch.setenv("HOME", str(root / "h"))
        monkeypatch.setenv("ROUSER_HOME", str(root / "h" / "rouser"))
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(root))

    @pytest.fixture(autouse=True)
    def _skip_what_is_missing(self, request: pytest.FixtureRequest) -> None:
        for capability in guard.needed_by(request.function):
            if capability in self.missing:
                pytest.skip(f"{capability}: {self.missing[capability]}")

    def skip_unless_declared(self) -> None:
        """Skip a test of declarations where nobody has made any."""
        if not self.declares:
            pytest.skip("an installed plugin declares nothing; its own tests do")

    def test_it_loads_as_a_plugin_of_its_kind(self, plugin: object) -> None:
        """The host can register it, and it serves the kind that it is tested as."""
        host = Host()
        try:
            host.register(plugin, NAME)
        except InvalidPluginError as error:
            fail(str(error))
        expect(NAME in host.names(self.kind), f"it implements no hook of a {self.kind}")

    def test_no_hook_has_keyword_only_or_unknown_parameters(self, plugin: object) -> None:
        """Pluggy passes arguments by position, and only those that the specification names."""
        subject = plugin() if inspect.isclass(plugin) else plugin
        for spec in KINDS.values():
            for hook in hooks_of(spec):
                function = getattr(subject, hook, None)
                marks: Mapping[str, Any] | None = getattr(function, f"{PROJECT}_impl", None)
                if function is None or not marks:
                    continue
                parameters = inspect.signature(function).parameters
                keyword_only = [p.name for p in parameters.values() if p.kind is inspect.Parameter.KEYWORD_ONLY]
                unknown = parameters.keys() - inspect.signature(getattr(spec, hook)).parameters.keys()
                expect(not keyword_only, f"{hook} has keyword-only parameters, which pluggy never passes")
                expect(not unknown, f"{hook} has parameters that the specification lacks: {', '.join(unknown)}")

    def test_capabilities_are_declared(self, plugin: object) -> None:
        """Every optional hook that the kit tests is implemented or declared missing with a reason, and not both."""
        self.skip_unless_declared()
        host = Host()
        host.register(plugin, NAME)
        spec = KINDS[self.kind]
        optional = {hook for hook in hooks_of(spec) if is_optional(spec, hook)}
        tested = guard.needs_of(type(self))
        for hook in sorted(optional):
            if host.implements(NAME, hook):
                expect(hook not in self.missing, f"{hook} is declared missing, but the plugin implements it")
            elif hook in tested:
                hint = f'implement it, or declare missing = {{"{hook}": "the reason"}}'
                expect(hook in self.missing, f"the optional hook {hook} is not implemented: {hint}")
        for capability, reason in self.missing.items():
            allowed = sorted(optional | tested | self.behaviours)
            expect(capability in allowed, f"there is no capability {capability!r}; there are {', '.join(allowed)}")
            expect(reason.strip(), f"{capability} is declared missing without a reason")

    def test_programs_are_declared(self) -> None:
        """The kit knows which programs to replace by faulty ones."""
        self.skip_unless_declared()
        expect(
            self.programs is not None,
            f"say which programs the plugin runs, as in: programs = ('git',); or () for none, in {type(self).__name__}",
        )

    def test_importing_it_is_quick(self, plugin: object) -> None:
        """Every plugin is imported for every command that needs one, so heavy libraries are imported where used."""
        subject = plugin if inspect.isclass(plugin) or inspect.ismodule(plugin) else type(plugin)
        seconds, heaviest = seconds_to_import(subject)
        expect(
            seconds < _IMPORT_SECONDS,
            f"importing the plugin takes {seconds:.2f} s, more than {_IMPORT_SECONDS:g}: import {heaviest}"
            " inside the functions that use it",
        )

    def test_unknown_settings_are_refused(self, plugin: object, settings: Mapping[str, Any]) -> None:
        """A misspelt setting is an error that says what is allowed, not silence."""
        wrong = {**settings, "no_such_setting_of_any_plugin": "1"}
        host = Host({NAME: wrong})
        host.register(plugin, NAME)
        if not host.implements(NAME, "plugin_configure"):
            pytest.skip("plugin_configure: the plugin has no settings")
        try:
            host.call(NAME, "plugin_configure", settings=wrong)
        except PluginUnusableError as error:
            message = str(error)
            cause = error.__cause__ and error.__cause__.__cause__
            expect(isinstance(cause, HookError), f"{message}: where people are to read one line, raise HookError")
        else:
            fail("an unknown setting is accepted without a word")
        expect("no_such_setting_of_any_plugin" in message, f"the error does not name the unknown setting: {message}")
