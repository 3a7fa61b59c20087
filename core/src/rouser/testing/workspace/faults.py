"""Hooks of the repository that hang or fail, and a git that does not answer."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from rouser import host
from rouser.errors import HookError, HookTimeoutError, PluginCallError
from rouser.testing import processes
from rouser.testing.programs import FAULTS, path_with_fault
from rouser.testing.verdict import eventually, expect, fail, refusal, unless_refused
from rouser.testing.workspace.kit import WorkspaceKit, WorkspaceTests

_SECONDS = 3.0


class FaultTests(WorkspaceTests):
    """Within the deadline, nothing half-made, nothing lost, nothing left running."""

    @pytest.fixture
    def impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Give slow hooks less time than the minutes that they have by default."""
        monkeypatch.setattr(host, "SLOW_SECONDS", _SECONDS)

    @pytest.mark.usefixtures("impatient")
    def test_a_hook_that_hangs_does_not_hang_the_creation(self, kit: WorkspaceKit, scratch: Path) -> None:
        """It is not run, or ended when the time is over; then nothing half-made is left."""
        marker = kit.root / "hook-runs"
        hook = kit.repository.hook("post-checkout", f"exec sh -c 'while :; do sleep 0.1; done' '{marker}'")
        before = kit.repository.branches()
        session = kit.session()
        begun = time.monotonic()
        try:
            path = kit.create(session, through=kit.anew(_SECONDS))
        except HookTimeoutError:
            fail("a hook of the repository that hangs makes workspace_create miss its deadline")
        except PluginCallError as error:
            expect(isinstance(error.__cause__, HookError), f"{error}: where people read one line, raise HookError")
            expect(time.monotonic() - begun < 2 * _SECONDS, "the plugin does not keep to time_left()")
            expect(not kit.files(scratch), "a creation that a hook made fail leaves a half-made workspace behind")
            expect(kit.repository.branches() == before, "a creation that a hook made fail leaves its branch behind")
        else:
            kit.expect_usable(path, session.branch, "where a hook of the repository hangs")
        left = [pid for pid in processes.showing(bytes(marker)) if processes.runs(pid)]
        gone = eventually(lambda: not [pid for pid in processes.showing(bytes(marker)) if processes.runs(pid)], 1)
        expect(gone, f"a hook that hung was left running: {processes.describe(left)}")
        hook.unlink()
        kit.expect_usable(kit.create(session), session.branch, "once the hook that hung is gone")

    def test_a_hook_that_fails_leaves_nothing_half_made(self, kit: WorkspaceKit, scratch: Path) -> None:
        """An error, or a whole workspace."""
        hook = kit.repository.hook("post-checkout", "echo no >&2; exit 1")
        session = kit.session()
        try:
            path = kit.create(session)
        except PluginCallError as error:
            expect(isinstance(error.__cause__, HookError), f"{error}: where people read one line, raise HookError")
            expect(not kit.files(scratch), "a creation that a hook made fail leaves a half-made workspace behind")
        else:
            kit.expect_usable(path, session.branch, "where a hook of the repository fails")
        hook.unlink()
        kit.expect_usable(kit.create(session), session.branch, "once the hook that failed is gone")

    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_faulty_program_does_not_make_a_workspace_unusable(
        self, kit: WorkspaceKit, fault: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A restore would recreate what is still there."""
        _, path = kit.made()
        monkeypatch.setenv("PATH", self._path(kit, fault))
        answer = unless_refused(lambda: kit.anew(_SECONDS).exists(path))
        expect(answer is not False, f"a usable workspace is reported unusable, because a program is {fault}")
        self._expect_no_program_left(kit, fault)

    @pytest.mark.usefixtures("impatient")
    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_faulty_program_fails_a_creation(
        self, kit: WorkspaceKit, fault: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An error, within the deadline, after which all is as before."""
        session = kit.session()
        before = kit.repository.branches()
        with monkeypatch.context() as patch:
            patch.setenv("PATH", self._path(kit, fault))
            plugin = kit.anew(_SECONDS)
            refusal(
                lambda: plugin.create(session, kit.repository.path, session.branch, None),
                f"a workspace is created though a program is {fault}",
            )
        self._expect_no_program_left(kit, fault)
        expect(kit.repository.branches() == before, "a creation that failed leaves its branch behind")
        kit.expect_usable(kit.create(session), session.branch, "once all programs are well again")

    @pytest.mark.usefixtures("impatient")
    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_faulty_program_destroys_no_work(
        self, kit: WorkspaceKit, fault: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What cannot be judged is not removed."""
        _, path = kit.made()
        (path / "untracked").write_text("work")
        monkeypatch.setenv("PATH", self._path(kit, fault))
        plugin = kit.anew(_SECONDS)
        refusal(lambda: plugin.destroy(path, force=False), f"a workspace is destroyed unseen: a program is {fault}")
        expect((path / "untracked").exists(), f"work is destroyed, because a program is {fault}")
        self._expect_no_program_left(kit, fault)

    def _path(self, kit: WorkspaceKit, fault: str) -> str:
        if not self.programs:
            pytest.skip("programs: the plugin runs none")
        return path_with_fault(kit.root / fault, self.programs, fault)

    def _expect_no_program_left(self, kit: WorkspaceKit, fault: str) -> None:
        gone = eventually(lambda: not processes.of(kit.root / fault), 1)
        found = processes.of(kit.root / fault)
        expect(gone, f"a program that hung was left running: {processes.describe(found)}")
