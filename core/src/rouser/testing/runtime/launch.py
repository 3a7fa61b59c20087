"""How an agent is started: its arguments, environment and directory arrive as they are, or creation fails."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Final

import pytest

from rouser.testing import processes
from rouser.testing.oddities import DIRECTORIES, TEXTS
from rouser.testing.runtime.kit import RuntimeKit, RuntimeTests
from rouser.testing.verdict import expect, refusal

_EXECUTED: Final = "kit-was-executed"
_ENDINGS: Final = ("semicolons", "dashes")
_SHOWN: Final = 200


class LaunchTests(RuntimeTests):
    """Arguments, environment, directory, terminal."""

    @pytest.mark.parametrize("oddity", TEXTS)
    def test_arguments_arrive_verbatim(self, kit: RuntimeKit, oddity: str) -> None:
        """No shell and no syntax of the backend's comes between, at the end of the command line neither."""
        texts = TEXTS[oddity]
        # What ends a command line is read differently, so each text that may do harm there is last once.
        for rotation in range(len(texts) if oddity in _ENDINGS else 1):
            wanted = [*texts[rotation:], *texts[:rotation]]
            started = kit.start("proj-1", *wanted)
            arrived = started.agent.arguments
            expect(
                arrived == [os.fsencode(text) for text in wanted],
                f"arguments with {oddity} arrive damaged: {_shown(wanted)} as {_shown(arrived)}",
            )
            expect(not (kit.directory() / _EXECUTED).exists(), "an argument was executed")
            kit.runtime.destroy(started.handle)

    @pytest.mark.parametrize("oddity", TEXTS)
    def test_environment_arrives_verbatim(self, kit: RuntimeKit, oddity: str) -> None:
        """Values are values, whatever is in them."""
        wanted = {f"KIT_{index}": text for index, text in enumerate(TEXTS[oddity])}
        arrived = kit.start(env=wanted).agent.environment
        for name, text in wanted.items():
            value = arrived.get(name.encode())
            expect(value is not None, f"the environment variable {name} does not arrive")
            expect(
                value == os.fsencode(text),
                f"a variable with {oddity} arrives damaged: {_shown([text])} as {_shown([value or b''])}",
            )
        expect(not (kit.directory() / _EXECUTED).exists(), "the value of a variable was executed")

    def test_environment_is_the_whole_environment(self, kit: RuntimeKit, monkeypatch: pytest.MonkeyPatch) -> None:
        """What the caller has, and ``env`` has not, does not reach the agent."""
        monkeypatch.setenv("KIT_OF_THE_CALLER", "leaked")
        arrived = kit.start().agent.environment
        expect(b"KIT_OF_THE_CALLER" not in arrived, "variables of the caller leak into the agent's environment")

    def test_environment_of_one_runtime_does_not_reach_another(self, kit: RuntimeKit) -> None:
        """A server that the first creation starts may keep its environment for all later ones."""
        kit.start("first", env={"KIT_OF_THE_FIRST": "leaked", "KIT_BOTH": "1"})
        arrived = kit.start("second", env={"KIT_BOTH": "2"}).agent.environment
        expect(b"KIT_OF_THE_FIRST" not in arrived, "the environment of the first runtime leaks into the second")
        expect(arrived.get(b"KIT_BOTH") == b"2", "the second runtime has the value of the first for a variable")

    @pytest.mark.skipif(not processes.HAS_PROC, reason="process lists are watched through /proc")
    def test_secrets_in_the_environment_stay_out_of_process_lists(self, kit: RuntimeKit) -> None:
        """Everybody on a machine can read command lines, while the runtime is created and later."""
        secret = f"secret-{os.urandom(8).hex()}"
        seen: list[int] = []
        over = threading.Event()

        def watch() -> None:
            while not over.is_set():
                seen.extend(processes.showing(secret.encode()))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            kit.start("first", env={"KIT_SECRET": secret})
            kit.start("second", env={"KIT_SECRET": secret})
        finally:
            over.set()
            watcher.join()
        seen.extend(processes.showing(secret.encode()))
        expect(not seen, "a value of the environment shows in the list of processes, where everybody can read it")

    @pytest.mark.parametrize("oddity", DIRECTORIES)
    def test_directory_is_the_one_that_was_given(self, kit: RuntimeKit, oddity: str) -> None:
        """Whatever its name is."""
        wanted = kit.directory(DIRECTORIES[oddity])
        arrived = kit.start(cwd=wanted).agent.directory
        expect(
            arrived == wanted,
            f"the agent runs in a wrong directory, where its name has {oddity}: {str(arrived)!r}, not {str(wanted)!r}",
        )
        expect(not list(kit.root.rglob(_EXECUTED)), "the name of a directory was executed")

    @pytest.mark.parametrize("what", ["missing", "file"])
    def test_missing_directory_is_an_error(self, kit: RuntimeKit, what: str) -> None:
        """Never start an agent in some other directory."""
        place = kit.root / "no-such-directory"
        if what == "file":
            place.write_text("not a directory")
        probe = kit.probe()
        refusal(
            lambda: kit.create("proj-1", probe.command(), cwd=place),
            "a runtime is created in a directory that does not exist",
        )
        expect(not probe.has_started, "the agent was started in some other directory")

    @pytest.mark.parametrize("what", ["missing", "missing path", "not executable"])
    def test_missing_command_is_an_error(self, kit: RuntimeKit, what: str) -> None:
        """Reported by creation, not by an agent that is never seen."""
        file = kit.root / "not-executable"
        file.write_text("#!/bin/sh\n")
        file.chmod(0o644)
        command = {
            "missing": "no-such-program-anywhere",
            "missing path": str(kit.root / "no-such-program"),
            "not executable": str(file),
        }[what]
        refusal(lambda: kit.create("proj-1", [command, "x"]), f"a runtime is created for a command that is {what}")

    def test_command_is_found_through_the_path_of_the_agent(self, kit: RuntimeKit) -> None:
        """A bare name means what it means in the environment that the agent gets."""
        tools, probe = kit.root / "tools", kit.probe()
        tools.mkdir()
        program = tools / "kit-agent"
        program.write_text('#!/bin/sh\nexec "$@"\n')
        program.chmod(0o755)
        path = os.pathsep.join((str(tools), os.environ["PATH"]))
        kit.create("proj-1", ["kit-agent", *probe.command("found")], env={"PATH": path})
        expect(probe.arguments == [b"found"], "a command on the agent's own PATH is not found")

    def test_agent_has_a_terminal(self, kit: RuntimeKit) -> None:
        """Most agents want one."""
        self.skip_unless_declared()
        started = kit.start()
        expect(
            started.agent.has_terminal or "terminal" in self.missing,
            'the agent has no terminal; if that is meant, declare missing = {"terminal": "the reason"}',
        )
        expect(
            not (started.agent.has_terminal and "terminal" in self.missing),
            "terminal is declared missing, but the agent has one",
        )

    def test_later_commands_find_relative_paths_as_they_were(
        self, kit: RuntimeKit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The directory that the caller is in has no meaning for a runtime."""
        started = kit.start()
        elsewhere: Path = kit.directory("elsewhere")
        monkeypatch.chdir(elsewhere)
        kit.expect_alive(started, "when asked from another directory")


def _shown(texts: list[str] | list[bytes]) -> str:
    shown = repr(texts)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}... ({sum(map(len, texts))} bytes)"
