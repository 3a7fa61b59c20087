"""What a restore does to a session that is dead, step by step."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fakes import FakeRuntime, PlainRuntime
from support.stage import LONG_AGO, Stage, raiser, receipt

from rouser import (
    ActivityState,
    AgentNotStartedError,
    AmbiguousSessionError,
    Conversation,
    ConversationHeldError,
    Evidence,
    HookError,
    HookTimeoutError,
    PluginCallError,
    PromptState,
    Session,
    SessionNotFoundError,
    SessionStatus,
    hookimpl,
)


def test_the_stale_runtime_is_destroyed_then_one_is_created_then_the_prompt_is_sent(stage: Stage) -> None:
    session = stage.add()
    outcome = stage.restore(session.id)
    assert stage.journal.changes == [
        ("runtime_destroy", session.runtime_handle),
        ("runtime_create", session.runtime_name),
        ("runtime_send_message", "please: fix the test"),
    ]
    assert outcome.prompt_sent
    assert outcome.warnings == ()


def test_the_record_says_spawning_without_activity_under_the_new_handle(stage: Stage) -> None:
    session = stage.add(activity=ActivityState.EXITED)
    outcome = stage.restore(session.id)
    record = stage.store.get(session.id)
    assert record == outcome.session
    assert record.status is SessionStatus.SPAWNING
    assert record.activity is None
    assert record.pending is None
    assert record.runtime_name == session.runtime_name
    assert record.runtime_handle == outcome.runtime_handle == "handle-1"
    assert record.runtime_handle != session.runtime_handle


def test_a_session_without_a_handle_gets_a_runtime_named_by_its_short_id_and_nothing_is_destroyed(stage: Stage) -> None:
    session = stage.add(runtime_handle=None, runtime_name=None)
    outcome = stage.restore(session.id)
    assert stage.journal.of("runtime_destroy") == []
    assert stage.journal.of("runtime_create") == [session.id[:8]]
    assert outcome.session.runtime_name == session.id[:8]


def test_a_named_session_that_never_ran_gets_a_runtime_of_its_name(stage: Stage) -> None:
    session = stage.add(runtime_handle=None, runtime_name=None, name="export")
    stage.restore(session.id)
    assert stage.journal.of("runtime_create") == ["export"]


@pytest.mark.parametrize("status", [status for status in SessionStatus if status is not SessionStatus.MERGED])
def test_any_status_but_merged_is_restored_when_the_runtime_is_dead(stage: Stage, status: SessionStatus) -> None:
    session = stage.add(status=status)
    assert stage.restore(session.id).session.status is SessionStatus.SPAWNING
    assert len(stage.runtime.live) == 1


def test_an_agent_that_has_exited_inside_a_live_runtime_is_restored(stage: Stage) -> None:
    session = stage.add(status=SessionStatus.WORKING, alive=True)
    stage.agent.activity = ActivityState.EXITED
    outcome = stage.restore(session.id)
    assert list(stage.runtime.live) == [outcome.runtime_handle]
    assert stage.journal.of("runtime_destroy") == [session.runtime_handle]
    assert "exited" in outcome.evidence["runtime"]


def test_a_conversation_whose_id_the_agent_chose_is_recorded_once_it_is_up(stage: Stage) -> None:
    session = stage.add()
    begun = Conversation(id="c1", evidence=Evidence.PROCESS, reason="open in its process")
    stage.journal.after["runtime_create"] = lambda: setattr(stage.agent, "conversation", begun)
    assert stage.restore(session.id).session.conversation == begun
    assert stage.store.get(session.id).conversation == begun


def test_failing_to_destroy_the_stale_runtime_is_a_warning(stage: Stage) -> None:
    session = stage.add()
    stage.journal.before["runtime_destroy"] = raiser(HookError("permission denied"))
    outcome = stage.restore(session.id)
    assert outcome.session.status is SessionStatus.SPAWNING
    assert len(outcome.warnings) == 1
    assert "permission denied" in outcome.warnings[0]


def test_the_last_output_of_the_stale_runtime_is_kept_in_the_history(stage: Stage) -> None:
    session = stage.add()
    stage.runtime.output = "Killed\n"
    stage.restore(session.id)
    begun = next(entry for entry in stage.store.history(session.id) if entry.event == "restore_begun")
    assert begun.detail["last_output"].strip() == "Killed"


def test_failing_to_create_leaves_the_record_as_it_was_and_a_line_in_its_history(stage: Stage) -> None:
    session = stage.add(prompt=receipt(PromptState.DURABLE))
    before = stage.row(session)
    stage.journal.before["runtime_create"] = raiser(HookError("no space left"))
    with pytest.raises(PluginCallError, match="no space left"):
        stage.restore(session.id)
    assert stage.row(session) == before
    assert stage.events(session) == ["restore_begun", "runtime_not_created", "restore_failed"]
    failed = stage.store.history(session.id)[-1]
    assert failed.detail == {"kind": "plugin_call", "message": "runtime: no space left"}
    assert failed.old_status == failed.new_status == "terminated"


def test_what_a_creation_that_timed_out_made_after_all_is_adopted_by_the_next_restore(hasty_stage: Stage) -> None:
    session = hasty_stage.add()
    hasty_stage.journal.after["runtime_create"] = hasty_stage.hang
    with pytest.raises(HookTimeoutError):
        hasty_stage.restore(session.id)
    assert hasty_stage.store.get(session.id).pending is not None
    outcome = hasty_stage.restore(session.id)
    assert outcome.adopted
    assert outcome.runtime_handle == "handle-1"
    assert len(hasty_stage.runtime.created) == 1


def test_an_agent_that_ends_at_once_is_reported_with_its_last_lines(stage: Stage) -> None:
    session = stage.add(status=SessionStatus.WORKING)
    stage.agent.prompt = ""

    def die() -> None:
        stage.runtime.live.clear()
        stage.runtime.output = "Traceback\n  bad key\n\n"

    stage.journal.after["runtime_create"] = die
    with pytest.raises(AgentNotStartedError, match=r"Traceback \| bad key"):
        stage.restore(session.id)
    record = stage.store.get(session.id)
    assert record.runtime_handle == "handle-1"
    assert record.pending is None
    assert stage.events(session)[-1] == "restore_failed"
    stage.journal.after.clear()
    assert stage.restore(session.id).runtime_handle == "handle-2"


def test_everything_else_in_the_record_survives(stage: Stage) -> None:
    session = stage.add(
        status=SessionStatus.KILLED,
        name="export",
        agent_config={"model": "large", "arguments": ["--yes"]},
        base="origin/main",
        issue_id="SHOP-17",
        issue_url="https://example.org/17",
        spawned_by="another",
        metadata={"colour": {"of": ["the", 1, None]}},
        prompt=receipt(PromptState.DURABLE),
        initial_prompt_override="say exactly this",
    )
    outcome = stage.restore(session.id)
    changed = {"status", "activity", "runtime_handle", "prompt", "updated_at"}
    for field in Session._fields:
        if field not in changed:
            assert getattr(outcome.session, field) == getattr(session, field), field
    assert outcome.session.created_at == LONG_AGO
    assert outcome.session.updated_at > LONG_AGO
    assert stage.journal.of("runtime_send_message") == ["say exactly this"]
    assert stage.runtime.created[0].session.agent_config == session.agent_config


def test_a_runtime_that_finds_nothing_by_itself_is_enough(tmp_path: Path) -> None:
    plain = Stage(tmp_path, runtime=PlainRuntime)
    session = plain.add()
    assert plain.restore(session.id).prompt_sent
    plain.close()


def test_ids_names_and_unambiguous_prefixes_find_a_session(stage: Stage) -> None:
    for text in ("ab12", "AB12C", "the-name", "ab12cd34-0000-4000-8000-000000000001"):
        session = stage.add(id="ab12cd34-0000-4000-8000-000000000001", name="the-name")
        assert stage.restore(text).session.id == session.id
        stage.store.remove(session, "removed")
        stage.runtime.live.clear()
        (stage.root / "workspaces" / session.id).rmdir()


@pytest.mark.parametrize("text", ["", "zzz", "%", "_", "\udcff", "a" * 5000])
def test_what_means_no_session_is_not_found(stage: Stage, text: str) -> None:
    stage.add()
    with pytest.raises(SessionNotFoundError):
        stage.restore(text)
    assert stage.journal.calls == []


def test_an_ambiguous_prefix_lists_what_it_matches(stage: Stage) -> None:
    first = stage.add(id="ab120000-0000-4000-8000-000000000001", task="one")
    second = stage.add(id="ab130000-0000-4000-8000-000000000002", task="two")
    with pytest.raises(AmbiguousSessionError, match=r"ab120000 one · ab130000 two") as caught:
        stage.restore("ab1")
    assert {match.id for match in caught.value.matches} == {first.id, second.id}
    assert stage.journal.calls == []


def test_a_second_restore_of_the_restored_session_works_like_the_first(stage: Stage) -> None:
    session = stage.add()
    first = stage.restore(session.id)
    stage.runtime.live.clear()
    second = stage.restore(session.id)
    assert first.runtime_handle == "handle-1"
    assert second.runtime_handle == "handle-2"
    assert stage.journal.of("runtime_create") == [session.runtime_name] * 2
    assert second.session._replace(runtime_handle=None, updated_at=LONG_AGO, prompt=None) == first.session._replace(
        runtime_handle=None, updated_at=LONG_AGO, prompt=None
    )


class WarmedUp(FakeRuntime):
    """A runtime that wants to know in advance."""

    @hookimpl
    def runtime_creating(self, session: Session) -> None:
        self.journal.begin("runtime_creating", session.pending)


@pytest.fixture
def warmed_up(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path, runtime=WarmedUp)
    yield stage
    stage.close()


def test_a_runtime_is_told_of_a_creation_before_anything_is_recorded(warmed_up: Stage) -> None:
    session = warmed_up.add()
    seen: list[list[str]] = []
    warmed_up.journal.before["runtime_creating"] = lambda: seen.append(warmed_up.events(session))
    warmed_up.restore(session.id)
    assert seen == [[]]
    told = [
        hook for hook, _ in warmed_up.journal.calls if hook in {"runtime_creating", "runtime_destroy", "runtime_create"}
    ]
    assert told == ["runtime_creating", "runtime_destroy", "runtime_create"]
    assert warmed_up.journal.of("runtime_creating") == [None]


def test_a_runtime_that_cannot_begin_in_advance_creates_all_the_same(warmed_up: Stage) -> None:
    warmed_up.journal.before["runtime_creating"] = raiser(HookError("not now"))
    outcome = warmed_up.restore(warmed_up.add().id)
    assert outcome.runtime_handle == "handle-1"
    assert outcome.warnings == ()


def test_a_runtime_is_told_of_no_creation_that_does_not_come(warmed_up: Stage) -> None:
    session = warmed_up.add()
    warmed_up.plan(session.id)
    warmed_up.agent.holder = lambda: "process 1"
    with pytest.raises(ConversationHeldError):
        warmed_up.restore(session.id)
    assert warmed_up.journal.of("runtime_creating") == []
