"""A backend that is down, hung or denies access: what is then unknown is never called dead."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from rouser.testing import processes
from rouser.testing.programs import FAULTS, path_with_fault
from rouser.testing.runtime.kit import RuntimeKit, RuntimeTests
from rouser.testing.verdict import eventually, expect, refusal, unless_refused

_SECONDS = 1.5


class FaultTests(RuntimeTests):
    """The agent runs all the while, so that False is always wrong; True or an error may be right."""

    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_faulty_program_does_not_make_an_agent_dead(
        self, kit: RuntimeKit, fault: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Silence, refusal and nonsense are no evidence of death."""
        path = self._path(kit, fault)
        started = kit.start()
        monkeypatch.setenv("PATH", path)
        later = kit.anew(_SECONDS)
        begun = time.monotonic()
        answer = unless_refused(lambda: later.is_alive(started.handle))
        expect(answer is not False, f"an agent that runs is reported dead, because a program is {fault}")
        expect(time.monotonic() - begun < _SECONDS, "the plugin does not keep to time_left()")
        self._expect_no_program_left(kit, fault)

    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_faulty_program_fails_a_creation_and_nothing_is_started(
        self, kit: RuntimeKit, fault: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A creation that cannot be done is an error, within its deadline."""
        monkeypatch.setenv("PATH", self._path(kit, fault))
        later, probe = kit.anew(_SECONDS), kit.probe()
        env = {"PATH": os.defpath}
        refusal(
            lambda: kit.create("proj-1", probe.command(), runtime=later, env=env),
            f"a runtime is created though a program is {fault}",
        )
        self._expect_no_program_left(kit, fault)
        expect(not probe.has_started, "an agent was started by a creation that failed")

    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_faulty_program_fails_a_message(
        self, kit: RuntimeKit, fault: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What was not delivered is not reported as delivered."""
        path = self._path(kit, fault)
        started = kit.start(flags="raw")
        monkeypatch.setenv("PATH", path)
        later = kit.anew(_SECONDS)
        try:
            later.send_message(started.handle, "hello")
        except Exception:
            self._expect_no_program_left(kit, fault)
            return
        expect(
            eventually(lambda: started.agent.received.text == b"hello"),
            f"a message that was not delivered is reported as delivered, where a program is {fault}",
        )

    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_faulty_program_fails_a_destruction(
        self, kit: RuntimeKit, fault: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An agent that could not be ended is not reported as ended."""
        path = self._path(kit, fault)
        started = kit.start()
        with monkeypatch.context() as patch:
            patch.setenv("PATH", path)
            try:
                kit.anew(_SECONDS).destroy(started.handle)
            except Exception:
                self._expect_no_program_left(kit, fault)
            else:
                expect(not started.agent.runs, f"destroyed is what still runs, where a program is {fault}")
        kit.runtime.destroy(started.handle)
        expect(not started.agent.runs, "once all is well again, the agent cannot be ended any more")

    def test_a_backend_that_cannot_be_reached_does_not_make_an_agent_dead(self, kit: RuntimeKit, scratch: Path) -> None:
        """Sockets and files can vanish, by a tidy /tmp for example, while the agent goes on."""
        started = kit.start()
        away = scratch.with_name("away")
        scratch.rename(away)
        scratch.mkdir(mode=0o700)
        answer = unless_refused(lambda: kit.anew().is_alive(started.handle))
        expect(answer is not False, "an agent that runs is reported dead, because the backend's files are gone")
        scratch.rmdir()
        away.rename(scratch)
        kit.expect_alive(started, "once the backend's files are back")

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
    def test_a_backend_that_denies_access_does_not_make_an_agent_dead(self, kit: RuntimeKit, scratch: Path) -> None:
        """Permissions can change, or another user may ask."""
        started = kit.start()
        scratch.chmod(0)
        try:
            answer = unless_refused(lambda: kit.anew().is_alive(started.handle))
        finally:
            scratch.chmod(0o700)
        expect(answer is not False, "an agent that runs is reported dead, because access to the backend is denied")

    def test_a_backend_that_hangs_does_not_make_an_agent_dead(self, kit: RuntimeKit) -> None:
        """The process that the agent runs under is stopped, as by a debugger or a full machine."""
        started = kit.start()
        backend = processes.parent(started.agent.pid)
        if backend in {0, 1, os.getpid()}:
            pytest.skip("the agent runs under no process of the backend's")
        os.kill(backend, signal.SIGSTOP)
        try:
            answer = unless_refused(lambda: kit.anew(_SECONDS).is_alive(started.handle))
            expect(answer is not False, "an agent that runs is reported dead, because its backend hangs")
        finally:
            os.kill(backend, signal.SIGCONT)
        kit.expect_alive(started, "once its backend goes on")

    def test_an_agent_that_survives_its_backend_can_be_ended(self, kit: RuntimeKit) -> None:
        """The backend's process dies of a crash, and an agent that ignores the hangup goes on."""
        started = kit.start(flags="deaf")
        backend = processes.parent(started.agent.pid)
        if backend in {0, 1, os.getpid()}:
            pytest.skip("the agent runs under no process of the backend's")
        os.kill(backend, signal.SIGKILL)
        expect(eventually(lambda: not processes.runs(backend)), "the backend cannot be killed")
        later = kit.anew()
        answer = unless_refused(lambda: later.is_alive(started.handle))
        expect(
            answer is not False or not started.agent.runs,
            "an agent that survived its backend's crash is reported dead while it runs",
        )
        later.destroy(started.handle)
        expect(not started.agent.runs, "an agent that survived its backend's crash survives runtime_destroy too")

    def _path(self, kit: RuntimeKit, fault: str) -> str:
        if not self.programs:
            pytest.skip("programs: the plugin runs none")
        return path_with_fault(kit.root / fault, self.programs, fault)

    def _expect_no_program_left(self, kit: RuntimeKit, fault: str) -> None:
        left = eventually(lambda: not processes.of(kit.root / fault), 1)
        found = processes.of(kit.root / fault)
        expect(left, f"a program that hung was left running: {processes.describe(found)}")
