"""Sending to, killing, removing and reading sessions."""

import pytest
from support.stage import Stage, intent, raiser, receipt

from rouser import (
    HookError,
    LivenessUnknownError,
    MessageNotSentError,
    PluginCallError,
    PromptState,
    SessionAliveError,
    SessionNotFoundError,
    SessionStatus,
)
from rouser.control import kill, output_of, remove, send


class TestSend:
    """A message goes to a live agent or nowhere."""

    def test_a_live_agent_gets_it_once_and_whole(self, stage: Stage) -> None:
        session = stage.add(status=SessionStatus.WORKING, alive=True)
        record = send(stage.host, stage.store, session.short_id, "two\nlines")
        assert stage.journal.changes == [("runtime_send_message", "two\nlines")]
        assert record == session
        assert stage.events(session) == ["message_queued", "message_handed_over"]

    def test_what_was_said_is_not_kept(self, stage: Stage) -> None:
        session = stage.add(alive=True)
        send(stage.host, stage.store, session.id, "a secret")
        detail = stage.store.history(session.id)[-1].detail
        assert detail["characters"] == 8
        assert "a secret" not in str(detail)

    def test_a_dead_agent_gets_nothing(self, stage: Stage) -> None:
        session = stage.add(status=SessionStatus.WORKING)
        with pytest.raises(MessageNotSentError, match=f"rouser restore {session.short_id}"):
            send(stage.host, stage.store, session.id, "hello")
        assert stage.journal.changes == []

    def test_an_agent_of_which_it_is_unknown_whether_it_runs_gets_nothing(self, stage: Stage) -> None:
        stage.journal.before["runtime_is_alive"] = raiser(HookError("no answer"))
        with pytest.raises(LivenessUnknownError, match="no answer"):
            send(stage.host, stage.store, stage.add().id, "hello")
        assert stage.journal.changes == []

    def test_a_stray_runtime_gets_nothing_before_it_is_adopted(self, stage: Stage) -> None:
        session = stage.add(pending=intent("name-0"))
        stage.run(session, "unrecorded", "name-0")
        with pytest.raises(MessageNotSentError):
            send(stage.host, stage.store, session.id, "hello")
        assert stage.journal.changes == []

    @pytest.mark.parametrize("blank", ["", " \n"])
    def test_a_blank_message_is_refused(self, stage: Stage, blank: str) -> None:
        with pytest.raises(MessageNotSentError, match="blank"):
            send(stage.host, stage.store, stage.add(alive=True).id, blank)

    def test_the_initial_prompt_can_be_sent_again_and_its_receipt_says_so(self, stage: Stage) -> None:
        session = stage.add(alive=True, prompt=receipt(PromptState.FAILED))
        record = send(stage.host, stage.store, session.id, None)
        assert stage.journal.changes == [("runtime_send_message", "please: fix the test")]
        assert record.prompt.state is PromptState.HANDED_OVER

    def test_failing_to_send_leaves_the_receipt(self, stage: Stage) -> None:
        session = stage.add(alive=True, prompt=receipt(PromptState.FAILED))
        stage.journal.before["runtime_send_message"] = raiser(HookError("no"))
        with pytest.raises(PluginCallError):
            send(stage.host, stage.store, session.id, None)
        assert stage.store.get(session.id) == session


class TestKill:
    """Killing ends what runs for a session, and nothing else."""

    def test_a_live_session_is_ended_and_its_last_output_kept(self, stage: Stage) -> None:
        session = stage.add(status=SessionStatus.WORKING, alive=True)
        other = stage.add(status=SessionStatus.WORKING, alive=True)
        stage.runtime.output = "last words"
        killed = kill(stage.host, stage.store, session.id)
        assert killed.status is SessionStatus.KILLED
        assert stage.store.get(session.id) == killed
        assert list(stage.runtime.live) == [other.runtime_handle]
        assert session.workspace_path.is_dir()
        assert stage.store.history(session.id)[-1].detail["last_output"] == "last words"
        assert stage.journal.of("session_status_changed") == [(SessionStatus.WORKING, SessionStatus.KILLED)]

    def test_killing_twice_changes_nothing_the_second_time(self, stage: Stage) -> None:
        session = stage.add(status=SessionStatus.WORKING, alive=True)
        kill(stage.host, stage.store, session.id)
        before, history = stage.row(session), stage.store.history(session.id)
        kill(stage.host, stage.store, session.id)
        assert stage.row(session) == before
        assert stage.store.history(session.id) == history

    def test_what_an_interrupted_command_left_is_ended_too(self, stage: Stage) -> None:
        session = stage.add(status=SessionStatus.KILLED, pending=intent("name-0"))
        stage.run(session, "unrecorded", "name-0")
        assert kill(stage.host, stage.store, session.id).pending is None
        assert stage.runtime.live == {}

    def test_a_runtime_that_cannot_be_ended_leaves_the_record(self, stage: Stage) -> None:
        session = stage.add(status=SessionStatus.WORKING, alive=True)
        before = stage.row(session)
        stage.journal.before["runtime_destroy"] = raiser(HookError("permission denied"))
        with pytest.raises(PluginCallError, match="permission denied"):
            kill(stage.host, stage.store, session.id)
        assert stage.row(session) == before

    def test_a_merged_session_stays_merged(self, stage: Stage) -> None:
        session = stage.add(status=SessionStatus.MERGED, alive=True)
        assert kill(stage.host, stage.store, session.id).status is SessionStatus.MERGED
        assert stage.runtime.live == {}


class TestRemove:
    """Removing loses no work and no live agent unless forced."""

    def test_a_dead_session_goes_with_its_workspace_and_its_history_stays(self, stage: Stage) -> None:
        session = stage.add(status=SessionStatus.WORKING)
        remove(stage.host, stage.store, session.id)
        assert stage.store.sessions() == []
        assert not session.workspace_path.exists()
        last = stage.store.history(session.id)[-1]
        assert last.event == "removed"
        assert stage.journal.of("session_removed") == [session]
        assert last.detail["record"]["id"] == session.id

    def test_a_live_session_is_refused(self, stage: Stage) -> None:
        session = stage.add(status=SessionStatus.WORKING, alive=True)
        with pytest.raises(SessionAliveError, match=f"rouser kill {session.short_id}"):
            remove(stage.host, stage.store, session.id)
        assert stage.journal.changes == []
        assert stage.store.sessions() == [session]

    def test_unknown_is_refused(self, stage: Stage) -> None:
        stage.journal.before["runtime_is_alive"] = raiser(HookError("no answer"))
        with pytest.raises(LivenessUnknownError, match="no answer"):
            remove(stage.host, stage.store, stage.add(status=SessionStatus.WORKING).id)
        assert stage.journal.changes == []

    def test_a_stray_runtime_counts_as_alive(self, stage: Stage) -> None:
        session = stage.add(pending=intent("name-0"))
        stage.run(session, "unrecorded", "name-0")
        with pytest.raises(SessionAliveError):
            remove(stage.host, stage.store, session.id)

    def test_forced_a_live_session_is_ended_and_removed(self, stage: Stage) -> None:
        session = stage.add(status=SessionStatus.WORKING, alive=True)
        stage.workspace.refuses = "2 files changed, not committed"
        remove(stage.host, stage.store, session.id, force=True)
        assert stage.runtime.live == {}
        assert stage.store.sessions() == []
        assert not session.workspace_path.exists()

    def test_a_workspace_with_work_keeps_the_session(self, stage: Stage) -> None:
        session = stage.add()
        stage.workspace.refuses = "2 files changed, not committed"
        with pytest.raises(PluginCallError, match="2 files changed"):
            remove(stage.host, stage.store, session.id)
        assert stage.store.sessions() == [session]
        assert session.workspace_path.is_dir()

    def test_the_workspace_can_be_kept(self, stage: Stage) -> None:
        session = stage.add()
        stage.workspace.refuses = "2 files changed, not committed"
        remove(stage.host, stage.store, session.id, keep_workspace=True)
        assert session.workspace_path.is_dir()
        assert stage.store.sessions() == []


class TestOutput:
    """What an agent printed last is there while it lives and after it has ended."""

    def test_of_a_live_agent_it_is_what_the_runtime_has(self, stage: Stage) -> None:
        stage.runtime.output = "one\ntwo\nthree"
        assert output_of(stage.host, stage.store, stage.add(alive=True).id, 2) == "two\nthree"

    @pytest.mark.parametrize("handle", ["old", None])
    def test_of_a_runtime_that_is_gone_it_is_what_was_kept_as_much_as_was_asked_for(
        self, stage: Stage, handle: str | None
    ) -> None:
        session = stage.add(runtime_handle=handle)
        stage.store.note(session, "killed", {"last_output": "one\ntwo\nthree"})
        stage.store.note(session, "looked_at")
        stage.journal.before["runtime_get_output"] = raiser(HookError("no such runtime"))
        assert output_of(stage.host, stage.store, session.id, 2) == "two\nthree"

    def test_with_nothing_kept_the_runtime_says_why(self, stage: Stage) -> None:
        stage.journal.before["runtime_get_output"] = raiser(HookError("no such runtime"))
        with pytest.raises(PluginCallError, match="no such runtime"):
            output_of(stage.host, stage.store, stage.add().id, 2)


@pytest.mark.parametrize("action", [kill, remove, lambda *a: send(*a, "x"), lambda *a: output_of(*a, 5)])
def test_what_means_no_session_is_not_found(stage: Stage, action) -> None:
    with pytest.raises(SessionNotFoundError):
        action(stage.host, stage.store, "nonsense")
