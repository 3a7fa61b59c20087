"""Many runtimes at once, callers that go away, and what is left when all is over."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from rouser.errors import PluginCallError
from rouser.testing import processes
from rouser.testing.caller import create_in_another_process
from rouser.testing.runtime.kit import RuntimeKit, RuntimeTests, Started
from rouser.testing.verdict import eventually, expect

S = TypeVar("S")
T = TypeVar("T")
_MANY: Final = 8
_LIVES: Final = 3


class CrowdTests(RuntimeTests):
    """Calls overlap, commands end, machines fill up."""

    def test_many_at_once(self, kit: RuntimeKit) -> None:
        """``rouser restore --all`` creates several at a time."""
        names = [f"proj-{number}" for number in range(_MANY)]
        started = _at_once(lambda name: kit.start(name, flags="raw"), names)
        expect(len({one.handle for one in started}) == _MANY, "runtimes that were created at once share a handle")
        expect(len({one.agent.pid for one in started}) == _MANY, "runtimes that were created at once share an agent")
        alive = _at_once(lambda one: kit.runtime.is_alive(one.handle), started)
        expect(all(alive), "of many that are asked for at once, some are reported dead")
        _at_once(lambda one: kit.runtime.send_message(one.handle, one.handle), started)
        for one in started:
            came = eventually(partial(_has_received, one, one.handle))
            expect(came, f"of messages at once, one did not arrive as it was: {one.agent.received.text!r}")
        _at_once(lambda one: kit.runtime.destroy(one.handle), started)
        left = [one for one in started if one.agent.runs]
        expect(not left, f"of {_MANY} that were destroyed at once, {len(left)} still run")

    def test_one_wins_of_many_that_create_the_same_name(self, kit: RuntimeKit) -> None:
        """At most one agent may work on a session."""
        probes = [kit.probe() for _ in range(_MANY)]

        def attempt(command: Sequence[str]) -> str | None:
            try:
                return kit.create("proj-1", command)
            except PluginCallError:
                return None

        handles = _at_once(lambda probe: attempt(probe.command()), probes)
        winners = [(handle, probe) for handle, probe in zip(handles, probes, strict=True) if handle]
        expect(winners, "of many that create the same name at once, none wins")
        expect(len(winners) == 1, f"of many that create the same name at once, {len(winners)} win")
        (handle, winner), losers = winners[0], [probe for probe in probes if probe is not winners[0][1]]
        expect(winner.runs and kit.runtime.is_alive(handle), "the one that won is not alive")
        running = [probe for probe in losers if probe.has_started and probe.runs]
        expect(not running, "an agent runs that lost the race for its name")

    def test_agent_outlives_the_command_that_started_it(self, kit: RuntimeKit) -> None:
        """``rouser spawn`` ends, its terminal is closed; the agent goes on."""
        probe = kit.probe()
        handle = create_in_another_process(
            kit.plugin, kit.settings, kit.root, "proj-1", probe.command(), kit.environment, kit.directory()
        )
        expect(probe.runs, "the agent ended with the command that started it")
        expect(kit.runtime.is_alive(handle), "another process reports the runtime dead")
        kit.runtime.destroy(handle)
        expect(not probe.runs, "another process cannot end the agent")

    def test_nothing_is_left_behind(self, kit: RuntimeKit, scratch: Path) -> None:
        """No processes, no open files, and no more files after many runtimes than after a few."""
        _life(kit)
        descriptors, files = _descriptors(), _files(scratch)
        for _ in range(_LIVES):
            _life(kit)
        expect(eventually(lambda: not processes.of(kit.root)), f"processes are left: {_left(kit)}")
        expect(
            eventually(lambda: _descriptors() <= descriptors),
            f"each runtime leaves open files in the caller: {descriptors} before, {_descriptors()} after {_LIVES} more",
        )
        more = sorted(_files(scratch) - files)
        expect(len(more) < _LIVES, f"each runtime leaves files behind: {more}")

    def test_calls_are_quick_enough_for_listings(self, kit: RuntimeKit) -> None:
        """``rouser ls`` asks of every session whether it is alive."""
        started = kit.start()
        seconds = min(_timed(lambda: kit.runtime.is_alive(started.handle)) for _ in range(3))
        expect(seconds < 1, f"runtime_is_alive takes {seconds:.1f} s")


def _life(kit: RuntimeKit) -> None:
    started: Started = kit.start(flags="raw")
    kit.runtime.is_alive(started.handle)
    kit.runtime.send_message(started.handle, "hello\nthere")
    kit.runtime.destroy(started.handle)


def _has_received(started: Started, text: str) -> bool:
    return started.agent.received.text == text.encode()


def _at_once(function: Callable[[S], T], arguments: Sequence[S]) -> list[T]:
    with ThreadPoolExecutor(len(arguments)) as pool:
        return list(pool.map(function, arguments))


def _timed(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def _left(kit: RuntimeKit) -> str:
    return processes.describe(processes.of(kit.root))


def _descriptors() -> int:
    return len(os.listdir("/dev/fd")) if Path("/dev/fd").exists() else 0  # noqa: PTH208 - iterdir opens one itself


def _files(scratch: Path) -> set[str]:
    return {str(path) for path in scratch.rglob("*")}
