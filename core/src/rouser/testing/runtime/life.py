"""A runtime's life: created once under its name, told apart from others, ended for good."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rouser.testing.runtime.kit import RuntimeKit, RuntimeTests
from rouser.testing.verdict import expect, refusal, unless_refused


class LifeTests(RuntimeTests):
    """Create, alive, destroy, dead; names and handles."""

    def test_a_created_runtime_is_alive_and_a_destroyed_one_is_dead(self, kit: RuntimeKit) -> None:
        """The plain course of things."""
        started = kit.start()
        kit.expect_alive(started, "after runtime_create")
        kit.runtime.destroy(started.handle)
        expect(not started.agent.runs, "runtime_destroy returned while the agent still runs")
        kit.expect_dead(started, "after runtime_destroy")

    def test_a_later_command_knows_the_runtime(self, kit: RuntimeKit) -> None:
        """The handle is all that is remembered: another instance of the plugin answers for it and ends it."""
        started = kit.start()
        later = kit.anew()
        expect(later.is_alive(started.handle), "another instance of the plugin reports the runtime dead")
        later.destroy(started.handle)
        expect(not started.agent.runs, "another instance of the plugin does not end the agent")

    def test_destroying_twice_is_no_error(self, kit: RuntimeKit) -> None:
        """Destroying is idempotent."""
        started = kit.start()
        kit.runtime.destroy(started.handle)
        kit.runtime.destroy(started.handle)
        kit.expect_dead(started, "after being destroyed twice")

    def test_destroying_what_never_was_is_no_error(self, kit: RuntimeKit, scratch: Path) -> None:
        """After a reboot, or on another machine, nothing is left of what the handle names."""
        started = kit.start()
        kit.runtime.destroy(started.handle)
        shutil.rmtree(scratch)
        scratch.mkdir(mode=0o700)
        later = kit.anew()
        later.destroy(started.handle)
        expect(not later.is_alive(started.handle), "a runtime of which nothing is left is reported alive")

    def test_a_destroyed_name_can_be_used_again(self, kit: RuntimeKit) -> None:
        """A restore creates the runtime under its previous name."""
        first = kit.start("proj-1")
        kit.runtime.destroy(first.handle)
        second = kit.start("proj-1")
        expect(first.handle != second.handle, "two runtimes of the same name have the same handle")
        kit.expect_alive(second, "under a name that was used before")
        expect(not kit.runtime.is_alive(first.handle), "the old handle is alive once its name is used again")

    def test_destroying_an_old_handle_spares_the_new_runtime_of_that_name(self, kit: RuntimeKit) -> None:
        """A handle identifies this very runtime, not whatever has its name today."""
        first = kit.start("proj-1")
        kit.runtime.destroy(first.handle)
        second = kit.start("proj-1")
        kit.runtime.destroy(first.handle)
        expect(second.agent.survives, "destroying an old handle ended the new runtime of the same name")
        kit.expect_alive(second, "after an old handle of its name was destroyed")

    def test_a_name_that_is_taken_is_refused_and_left_alone(self, kit: RuntimeKit) -> None:
        """Creation decides who wins; the loser changes nothing."""
        first = kit.start("proj-1")
        probe = kit.probe()
        refusal(
            lambda: kit.create("proj-1", probe.command()),
            "a second runtime is created under a name that is taken",
        )
        kit.expect_alive(first, "after a second creation under its name")
        expect(not probe.has_started, "the agent of a refused creation was started")

    @pytest.mark.parametrize("victim", ["proj-1", "proj", "proj-10"])
    def test_destroying_spares_names_that_begin_alike(self, kit: RuntimeKit, victim: str) -> None:
        """``proj-1`` is not ``proj-10``."""
        started = {name: kit.start(name) for name in ("proj-10", "proj-1", "proj", "proj-100")}
        kit.runtime.destroy(started[victim].handle)
        expect(not started[victim].agent.runs, f"destroying {victim} did not end its agent")
        for name in started.keys() - {victim}:
            expect(started[name].agent.survives, f"destroying {victim} ended {name}, whose name begins alike")
            kit.expect_alive(started[name], f"after {victim} was destroyed")

    def test_a_dead_runtime_is_not_mistaken_for_one_whose_name_begins_alike(self, kit: RuntimeKit) -> None:
        """With only ``proj-10`` left, ``proj-1`` is dead, and takes no messages."""
        short, long = kit.start("proj-1"), kit.start("proj-10", flags="raw")
        kit.runtime.destroy(short.handle)
        expect(not kit.runtime.is_alive(short.handle), "proj-1 is reported alive because proj-10 is")
        refusal(
            lambda: kit.runtime.send_message(short.handle, "stray"),
            "a message to a runtime that is gone is accepted",
        )
        kit.runtime.destroy(short.handle)
        expect(long.agent.survives, "destroying proj-1 again ended proj-10")
        expect(b"stray" not in long.agent.input, "a message to proj-1 reached proj-10")

    def test_a_failed_creation_leaves_the_name_free(self, kit: RuntimeKit) -> None:
        """Nothing of a runtime that could not be created is left behind."""
        refusal(
            lambda: kit.create("proj-1", ["no-such-program-anywhere"]),
            "a runtime is created for a program that does not exist",
        )
        kit.expect_alive(kit.start("proj-1"), "under the name of a creation that failed")

    def test_a_handle_of_another_plugin_is_never_alive(self, kit: RuntimeKit) -> None:
        """A handle that the plugin did not make is refused, or dead."""
        kit.start()
        for handle in ("proj", "x:1:2:3", "{}"):
            expect(
                not unless_refused(lambda handle=handle: kit.runtime.is_alive(handle)),  # type: ignore[misc]
                f"the handle {handle!r}, which the plugin never made, is reported alive",
            )
