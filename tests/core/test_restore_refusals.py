"""When a restore refuses, nothing has been changed."""

from pathlib import Path

import pytest
from support.fakes import FakeRuntime, FakeWorkspace, PlainWorkspace
from support.stage import Stage, at_first, raiser

from rouser import (
    ActivityState,
    HookError,
    LivenessUnknownError,
    PluginNotFoundError,
    PluginUnusableError,
    RouserError,
    SessionNotRestorableError,
    SessionStatus,
    WorkspaceMissingError,
    hookimpl,
)


def refused(
    stage: Stage, text: str, error: type[RouserError], match: str | None = None, **options: bool
) -> RouserError:
    """Check that restore and dry run refuse alike and change nothing; return the error."""
    session = stage.store.find(text)
    before, history = stage.row(session), stage.store.history(session.id)
    with pytest.raises(error, match=match):
        stage.plan(text, **options)
    with pytest.raises(error, match=match) as caught:
        stage.restore(text, **options)
    assert stage.row(session) == before
    assert stage.store.history(session.id) == history
    assert stage.journal.changes == []
    return caught.value


@pytest.mark.parametrize("status", [SessionStatus.WORKING, SessionStatus.NEEDS_INPUT, SessionStatus.TERMINATED])
def test_a_live_session_is_refused_whatever_its_record_says(stage: Stage, status: SessionStatus) -> None:
    session = stage.add(status=status, alive=True)
    error = refused(stage, session.id, SessionNotRestorableError, f"it is {status} and its runtime is alive")
    assert f"rouser attach {session.short_id}" in str(error)


def test_force_does_not_restore_a_live_session(stage: Stage) -> None:
    refused(stage, stage.add(alive=True).id, SessionNotRestorableError, force=True)


def test_a_merged_session_is_refused_without_asking_any_plugin(stage: Stage) -> None:
    refused(stage, stage.add(status=SessionStatus.MERGED).id, SessionNotRestorableError, "merged")
    assert stage.journal.calls == []


def test_a_live_session_whose_activity_cannot_be_told_is_alive(stage: Stage) -> None:
    stage.journal.before["agent_detect_activity"] = raiser(OSError("gone"))
    refused(stage, stage.add(alive=True).id, SessionNotRestorableError)


def test_a_probe_that_raises_means_unknown_not_dead(stage: Stage) -> None:
    session = stage.add()
    stage.journal.before["runtime_is_alive"] = raiser(HookError("the server said no"))
    error = refused(stage, session.id, LivenessUnknownError, "the server said no")
    assert f"rouser restore {session.short_id} --force" in str(error)


def test_a_probe_that_hangs_means_unknown_not_dead(hasty_stage: Stage) -> None:
    hasty_stage.journal.before["runtime_is_alive"] = hasty_stage.hang
    refused(hasty_stage, hasty_stage.add().id, LivenessUnknownError, "did not answer within 0.5 s")


class SilentRuntime(FakeRuntime):
    """A runtime that does not answer whether an agent lives."""

    @hookimpl
    def runtime_is_alive(self, handle: str) -> bool:
        return None  # type: ignore[return-value]


def test_a_probe_that_answers_nonsense_means_unknown_not_dead(tmp_path: Path) -> None:
    stage = Stage(tmp_path, runtime=SilentRuntime)
    session = stage.add()
    refused(stage, session.id, LivenessUnknownError, "runtime returned NoneType from runtime_is_alive")
    stage.close()


def test_force_takes_unknown_for_dead_and_says_so(stage: Stage) -> None:
    session = stage.add()
    stage.journal.before["runtime_is_alive"] = at_first(raiser(HookError("the server said no")))
    outcome = stage.restore(session.id, force=True)
    assert "taken for dead: runtime: the server said no" in outcome.warnings[0]
    assert list(stage.runtime.live) == [outcome.runtime_handle]


def test_a_plugin_that_is_not_installed_is_named(stage: Stage) -> None:
    session = stage.add(agent="codex")
    refused(stage, session.id, PluginNotFoundError, 'no plugin named "codex" is installed. Agents here: agent')


def test_a_plugin_of_another_kind_is_refused(stage: Stage) -> None:
    refused(stage, stage.add(workspace="agent").id, PluginNotFoundError, '"agent" is no workspace')


def test_a_plugin_that_rejects_its_settings_is_refused_with_its_words(stage: Stage) -> None:
    class Strict(FakeWorkspace):
        @hookimpl
        def plugin_configure(self, settings):
            raise HookError("unknown setting depth")

    stage.host.register(Strict(stage.journal, stage.root), "strict")
    refused(stage, stage.add(workspace="strict").id, PluginUnusableError, "strict: unknown setting depth")


class TestWorkspace:
    """A workspace that cannot be had ends the restore before the runtime is touched."""

    @pytest.fixture
    def plain(self, tmp_path):
        stage = Stage(tmp_path, workspace=PlainWorkspace)
        yield stage
        stage.close()

    def test_gone_and_not_to_be_recreated(self, plain: Stage) -> None:
        session = plain.add()
        session.workspace_path.rmdir()
        error = refused(plain, session.id, WorkspaceMissingError, "cannot recreate workspaces")
        assert str(session.workspace_path) in str(error)
        assert f"rouser rm {session.short_id}" in str(error)

    def test_there_but_unusable(self, plain: Stage) -> None:
        session = plain.add()
        plain.workspace.unusable.add(session.workspace_path)
        refused(plain, session.id, WorkspaceMissingError, "gone or unusable")

    def test_unknown_whether_usable(self, plain: Stage) -> None:
        plain.journal.before["workspace_exists"] = raiser(HookError("stale file handle"))
        refused(plain, plain.add().id, RouserError, "stale file handle")

    def test_gone_is_recreated_from_the_branch_of_the_session(self, stage: Stage) -> None:
        session = stage.add(branch="rouser/precious")
        session.workspace_path.rmdir()
        outcome = stage.restore(session.id)
        assert stage.journal.changes[0] == ("workspace_restore", ("rouser/precious", session.workspace_path))
        assert stage.journal.of("workspace_create") == []
        assert stage.runtime.created[0].cwd == session.workspace_path
        assert outcome.evidence["workspace"] == "recreated from rouser/precious"

    def test_never_made_is_made(self, stage: Stage) -> None:
        session = stage.add(workspace_path=None, status=SessionStatus.ERRORED)
        outcome = stage.restore(session.id)
        assert stage.journal.of("workspace_create") == [session.branch]
        assert outcome.session.workspace_path == stage.root / "workspaces" / session.id

    def test_failing_to_recreate_leaves_the_runtime_alone(self, stage: Stage) -> None:
        session = stage.add()
        session.workspace_path.rmdir()
        before = stage.row(session)
        stage.journal.before["workspace_restore"] = raiser(HookError("the branch rouser/fix was deleted"))
        with pytest.raises(WorkspaceMissingError, match="the branch rouser/fix was deleted"):
            stage.restore(session.id)
        assert stage.row(session) == before
        assert [hook for hook, _ in stage.journal.changes] == ["workspace_restore"]
        assert stage.events(session) == ["restore_failed"]

    def test_recreated_but_still_unusable_is_missing(self, stage: Stage) -> None:
        session = stage.add()
        stage.workspace.unusable.add(session.workspace_path)
        session.workspace_path.rmdir()
        with pytest.raises(WorkspaceMissingError, match="says it is unusable"):
            stage.restore(session.id)
        assert stage.journal.of("runtime_destroy") == stage.journal.of("runtime_create") == []


class TestDryRun:
    """A dry run tells what a restore would do."""

    def test_it_changes_nothing(self, stage: Stage) -> None:
        session = stage.add(status=SessionStatus.WORKING)
        before, history = stage.row(session), stage.store.history(session.id)
        outcome = stage.plan(session.id)
        assert stage.journal.changes == []
        assert stage.row(session) == before
        assert stage.store.history(session.id) == history
        assert outcome.launch_command == ("agent", "new")
        assert outcome.prompt_sent
        assert outcome.evidence["prompt"] == "sent, the conversation is new"

    def test_it_makes_no_workspace(self, stage: Stage) -> None:
        session = stage.add()
        session.workspace_path.rmdir()
        assert stage.plan(session.id).evidence["workspace"] == "gone, to be recreated from rouser/fix"
        assert not session.workspace_path.exists()

    def test_it_tells_nobody(self, stage: Stage) -> None:
        stage.plan(stage.add().id)
        assert not [hook for hook, _ in stage.journal.calls if hook.startswith("session_")]

    def test_it_sees_an_agent_that_has_exited(self, stage: Stage) -> None:
        stage.agent.activity = ActivityState.EXITED
        session = stage.add(alive=True)
        stage.plan(session.id)
        assert list(stage.runtime.live) == [session.runtime_handle]

    def test_it_says_that_the_branch_is_not_there(self, tmp_path: Path) -> None:
        class Telling(FakeWorkspace):
            branches = ("rouser/fix",)

            @hookimpl
            def workspace_has_branch(self, repository: Path, branch: str) -> bool:
                return branch in self.branches

        stage = Stage(tmp_path, workspace=Telling)
        session = stage.add()
        session.workspace_path.rmdir()
        assert stage.plan(session.id).evidence["workspace"] == "gone, to be recreated from rouser/fix"
        stage.workspace.branches = ()
        said = f"gone, to be recreated from rouser/fix; {session.repository} has no such branch"
        assert stage.plan(session.id).evidence["workspace"] == said
        stage.close()
