"""How agents end: by themselves, by signals, against their will; and that the runtime knows it."""

from __future__ import annotations

import signal

import pytest

from rouser.testing import processes
from rouser.testing.guard import needs
from rouser.testing.runtime.kit import RuntimeKit, RuntimeTests
from rouser.testing.verdict import eventually, expect


class EndTests(RuntimeTests):
    """Alive means the agent, not what is around it."""

    @pytest.mark.parametrize("status", [0, 1, 130])
    def test_an_agent_that_exits_is_dead(self, kit: RuntimeKit, status: int) -> None:
        """Though a shell, or a terminal, may be left where it was."""
        started = kit.start()
        started.agent.exit(status)
        kit.expect_dead(started, f"after it exited with {status}")

    @pytest.mark.parametrize("name", ["SIGHUP", "SIGTERM", "SIGKILL", "SIGSEGV"])
    def test_an_agent_that_is_killed_is_dead(self, kit: RuntimeKit, name: str) -> None:
        """By whomever."""
        started = kit.start()
        started.agent.kill(signal.Signals[name])
        kit.expect_dead(started, f"after {name}")

    def test_an_agent_that_ends_at_once_is_dead_or_refused(self, kit: RuntimeKit) -> None:
        """An agent may be gone before creation has returned."""
        probe = kit.probe()
        try:
            handle = kit.create("proj-1", probe.command(flags="quit"))
        except Exception:
            return
        expect(eventually(lambda: not kit.runtime.is_alive(handle)), "an agent that ended at once is reported alive")
        kit.runtime.destroy(handle)

    def test_a_dead_runtime_can_be_destroyed_and_its_name_used_again(self, kit: RuntimeKit) -> None:
        """The course of every restore."""
        started = kit.start("proj-1")
        started.agent.kill(signal.SIGKILL)
        kit.expect_dead(started, "after SIGKILL")
        kit.runtime.destroy(started.handle)
        again = kit.start("proj-1")
        kit.expect_alive(again, "under the name of an agent that was killed")
        expect(not kit.runtime.is_alive(started.handle), "the handle of the killed agent is alive again")

    def test_a_stopped_agent_is_alive_and_can_be_destroyed(self, kit: RuntimeKit) -> None:
        """An agent under a debugger, or stopped from the keyboard, still runs."""
        started = kit.start()
        started.agent.suspend()
        expect(kit.runtime.is_alive(started.handle), "a stopped agent is reported dead")
        kit.runtime.destroy(started.handle)
        expect(not started.agent.runs, "a stopped agent survives runtime_destroy")

    def test_an_agent_that_ignores_hangup_and_termination_is_ended(self, kit: RuntimeKit) -> None:
        """Destroying returns when the agent is gone, not when it was asked to go."""
        started = kit.start(flags="deaf")
        kit.runtime.destroy(started.handle)
        expect(not started.agent.runs, "an agent that ignores HUP and TERM survives runtime_destroy")
        kit.expect_dead(started, "after runtime_destroy")

    def test_ending_returns_the_last_words(self, kit: RuntimeKit) -> None:
        """In the one call that ends the agent, and once it is gone; to end it again is no error."""
        if not kit.runtime.ends:
            pytest.skip("runtime_end: runtime_get_output and runtime_destroy stand for it")
        started, other = kit.start("proj-1"), kit.start("proj-10")
        started.agent.say(b"last words\r\n")
        expect(eventually(lambda: "last words" in (kit.runtime.get_output(started.handle, 20) or "")), "no output")
        said = kit.runtime.end(started.handle, 20)
        expect(not started.agent.runs, "an agent survives runtime_end")
        expect("last words" in said, f"runtime_end returns {said!r}, which is not what the agent said last")
        kit.expect_alive(other, "after runtime_end for another name that begins alike")
        kit.runtime.end(started.handle, 20)

    def test_children_of_the_agent_are_ended(self, kit: RuntimeKit) -> None:
        """Also those that ignore the signals that ask them to end."""
        started = kit.start(flags="deaf,child")
        child = started.agent.child
        kit.runtime.destroy(started.handle)
        expect(eventually(lambda: not processes.runs(child), 1), "a child of the agent survives runtime_destroy")

    @needs("detached_children")
    def test_children_in_sessions_of_their_own_are_ended(self, kit: RuntimeKit) -> None:
        """What an agent starts in the background, like a server, often detaches itself."""
        started = kit.start(flags="deaf,detached")
        child = started.agent.child
        kit.runtime.destroy(started.handle)
        expect(
            eventually(lambda: not processes.runs(child), 1),
            "a child of the agent in a session of its own survives runtime_destroy",
        )

    def test_children_alone_do_not_make_a_runtime_alive(self, kit: RuntimeKit) -> None:
        """Alive means the agent itself."""
        started = kit.start(flags="child")
        started.agent.kill(signal.SIGKILL)
        kit.expect_dead(started, "while a child of it still runs")
