"""Spawning: the order of its steps, what it leaves when one of them fails, and how it names things."""

from pathlib import Path
from typing import Any

import pytest
from core.spawning import past_events, spawn
from support.fakes import FakeWorkspace
from support.stage import Stage, raiser

from rouser import (
    AgentNotStartedError,
    Conversation,
    Evidence,
    HookError,
    HookTimeoutError,
    PluginCallError,
    PromptState,
    Session,
    SessionStatus,
    StoreError,
    hookimpl,
)
from rouser.store import Store


def test_the_steps_come_in_order(stage: Stage) -> None:
    outcome = spawn(stage)
    told = [
        hook for hook, _ in stage.journal.calls if hook.startswith(("runtime", "workspace", "session", "agent_pre"))
    ]
    assert told == [
        "agent_prepare",
        "session_status_changed",
        "workspace_create",
        "runtime_create",
        "runtime_get_output",
        "runtime_send_message",
        "runtime_is_alive",
        "runtime_get_output",
        "session_status_changed",
    ]
    assert stage.journal.of("session_status_changed") == [
        (None, SessionStatus.SPAWNING),
        (SessionStatus.SPAWNING, SessionStatus.WORKING),
    ]
    assert outcome.prompt_sent
    assert stage.events(outcome.session) == [
        "workspace_created",
        "spawn_begun",
        "spawned",
        "prompt_handed_over",
        "working",
    ]


def test_the_record_holds_what_a_restore_needs(stage: Stage) -> None:
    stage.agent.conversation = Conversation(id="5b1e", evidence=Evidence.PINNED)
    session = spawn(
        stage, arguments=("--yes", "\udcff"), agent_settings={"model": "large"}, base="main", spawned_by="me"
    ).session
    assert stage.store.get(session.id) == session
    assert session.status is SessionStatus.WORKING
    assert session.agent_config == {"model": "large", "arguments": ["--yes", "\udcff"]}
    assert session.base == "main"
    assert session.spawned_by == "me"
    assert session.runtime_handle == "handle-1"
    assert session.runtime_name == session.id[:8]
    assert session.workspace_path == stage.root / "workspaces" / session.id
    assert session.project_id == "shop"
    assert session.conversation == stage.agent.conversation
    assert session.prompt.state is PromptState.HANDED_OVER
    assert session.pending is None


def test_what_the_agent_wants_remembered_is_kept_with_its_configuration(stage: Stage) -> None:
    stage.agent.remembers = {"home": "/home/me", "model": "small"}
    session = spawn(stage, agent_settings={"model": "large"}).session
    assert stage.store.get(session.id).agent_config == {"model": "small", "home": "/home/me"}


def test_what_cannot_be_remembered_is_refused_before_anything_is_made(stage: Stage) -> None:
    stage.agent.remembers = {"home": Path("/home/me")}
    with pytest.raises(PluginCallError, match="agent_prepare, where mapping of str to JSON values is expected"):
        spawn(stage)
    assert stage.store.sessions() == []
    assert stage.journal.changes == []


def test_the_session_is_on_record_before_its_workspace_is_made(stage: Stage) -> None:
    seen = []
    stage.journal.before["workspace_create"] = lambda: seen.extend(stage.store.sessions())
    session = spawn(stage).session
    assert [found.id for found in seen] == [session.id]


def test_the_intent_is_on_record_before_the_runtime_is_made(stage: Stage) -> None:
    seen = []
    stage.journal.before["runtime_create"] = lambda: seen.extend(stage.store.sessions())
    spawn(stage, name="export")
    assert seen[0].pending.name == "export"


@pytest.mark.parametrize(
    ("evidence", "is_recorded"), [(Evidence.PROCESS, True), (Evidence.NEWEST_FILE, False)], ids=["certain", "a guess"]
)
def test_a_conversation_whose_id_the_agent_chose_is_recorded_once_it_is_up(
    stage: Stage, evidence: Evidence, is_recorded: bool
) -> None:
    begun = Conversation(id="c1", evidence=evidence, reason="open in its process")
    stage.journal.before["runtime_send_message"] = lambda: setattr(stage.agent, "conversation", begun)
    session = spawn(stage).session
    assert session.conversation == (begun if is_recorded else None)
    assert stage.store.get(session.id).conversation == session.conversation
    assert session.status is SessionStatus.WORKING


def test_a_conversation_that_cannot_be_told_is_no_reason_to_fail(stage: Stage) -> None:
    stage.journal.before["runtime_send_message"] = lambda: stage.journal.before.update(
        agent_find_conversation=raiser(HookError("its records cannot be read"))
    )
    assert spawn(stage).session.status is SessionStatus.WORKING


BEFORE_ANYTHING = ["agent_prepare"]
WITH_A_WORKSPACE = [
    "agent_find_conversation",
    "agent_initial_prompt",
    "agent_launch_command",
    "agent_prompt_arguments",
    "agent_environment",
    "runtime_create",
]


@pytest.mark.parametrize("hook", [*BEFORE_ANYTHING, "workspace_create", *WITH_A_WORKSPACE])
def test_a_step_that_fails_leaves_nothing_behind_but_its_history(stage: Stage, hook: str) -> None:
    stage.journal.before[hook] = raiser(HookError("not today"))
    with pytest.raises(PluginCallError, match="not today"):
        spawn(stage)
    assert stage.store.sessions() == []
    assert stage.runtime.live == {}
    assert list((stage.root / "workspaces").glob("*")) == []
    assert bool(stage.journal.of("workspace_destroy")) == (hook in WITH_A_WORKSPACE)
    if hook not in BEFORE_ANYTHING:
        assert past_events(stage)[-1] == "spawn_failed"
        assert len(stage.journal.of("session_removed")) == 1


@pytest.mark.parametrize("hook", ["workspace_create", "runtime_create", "agent_environment"])
def test_a_step_that_does_not_answer_keeps_the_record_and_the_workspace(
    hasty_stage: Stage, monkeypatch: pytest.MonkeyPatch, hook: str
) -> None:
    monkeypatch.setattr("rouser.host._SLOW", frozenset())
    hasty_stage.journal.after["workspace_create"] = lambda: None
    hasty_stage.journal.before[hook] = hasty_stage.hang
    with pytest.raises(HookTimeoutError):
        spawn(hasty_stage)
    (session,) = hasty_stage.store.sessions()
    assert session.status is SessionStatus.ERRORED
    assert (session.pending is not None) == (hook == "runtime_create")
    assert hasty_stage.journal.of("workspace_destroy") == []
    assert hasty_stage.journal.of("session_status_changed")[-1] == (SessionStatus.SPAWNING, SessionStatus.ERRORED)


def test_what_a_timed_out_spawn_left_is_completed_by_a_restore(hasty_stage: Stage) -> None:
    hasty_stage.journal.after["runtime_create"] = hasty_stage.hang
    with pytest.raises(HookTimeoutError):
        spawn(hasty_stage)
    (session,) = hasty_stage.store.sessions()
    outcome = hasty_stage.restore(session.id)
    assert outcome.adopted
    assert outcome.prompt_sent
    assert len(hasty_stage.runtime.created) == 1


def test_a_clean_up_that_fails_keeps_the_record_and_the_first_error(stage: Stage) -> None:
    stage.journal.before["runtime_create"] = raiser(HookError("the first"))
    stage.journal.before["workspace_destroy"] = raiser(HookError("the second"))
    with pytest.raises(PluginCallError, match="the first"):
        spawn(stage)
    (session,) = stage.store.sessions()
    assert session.status is SessionStatus.ERRORED
    assert session.workspace_path is not None
    assert stage.store.history(session.id)[-1].detail["clean_up"] == "workspace: the second"


def test_a_live_runtime_whose_handle_cannot_be_recorded_keeps_its_record_and_workspace(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Store.revert

    def full(self: Store, record: Any, event: str, detail: Any = None) -> Any:
        if event == "spawned":
            raise StoreError("the disk is full")
        return real(self, record, event, detail)

    monkeypatch.setattr(Store, "revert", full)
    with pytest.raises(StoreError, match="the disk is full"):
        spawn(stage)
    (session,) = stage.store.sessions()
    assert session.pending is not None
    assert session.workspace_path.is_dir()
    monkeypatch.undo()
    assert stage.restore(session.id).adopted
    assert len(stage.runtime.created) == 1


@pytest.mark.parametrize("ending", ["\0", "\ud800"])
def test_a_handle_that_cannot_be_stored_is_refused_and_leaves_neither_a_runtime_nor_a_record(
    stage: Stage, ending: str
) -> None:
    stage.runtime.ending = ending
    with pytest.raises(PluginCallError, match="text that can be kept"):
        spawn(stage)
    assert len(stage.runtime.created) == 1
    assert stage.runtime.live == {}
    assert stage.store.sessions() == []


@pytest.mark.parametrize(
    "conversation",
    [
        Conversation(id="x", evidence=Evidence.PINNED, reason=None),  # type: ignore[arg-type]
        Conversation(id=None, evidence=Evidence.PINNED),  # type: ignore[arg-type]
        Conversation(id="x", evidence="nonsense"),  # type: ignore[arg-type]
    ],
)
def test_a_conversation_that_cannot_be_recorded_is_its_plugins_error_and_nothing_is_written(
    stage: Stage, conversation: Conversation
) -> None:
    other = stage.add()
    stage.agent.conversation = conversation
    with pytest.raises(PluginCallError, match=r"agent returned .* as Conversation\..* from agent_find_conversation"):
        spawn(stage)
    assert stage.store.sessions() == [other]
    with pytest.raises(PluginCallError, match=r"agent returned .* as Conversation\..* from agent_find_conversation"):
        stage.restore(other.id)
    assert stage.store.sessions() == [other]


class AstrayWorkspace(FakeWorkspace):
    """Workspaces of which no file system has heard."""

    place = Path("/")

    @hookimpl
    def workspace_create(self, session: Session, repository: Path, branch: str, base: str | None) -> Path:
        return self.place


@pytest.mark.parametrize("place", ["/a\0b", "/\ud800"])
def test_a_workspace_that_cannot_be_recorded_is_its_plugins_error_and_nothing_is_written(
    tmp_path: Path, place: str
) -> None:
    stage = Stage(tmp_path, workspace=AstrayWorkspace)
    stage.workspace.place = Path(place)  # type: ignore[attr-defined]
    with pytest.raises(PluginCallError, match="from workspace_create, where absolute path that a file can have"):
        spawn(stage)
    assert stage.store.sessions() == []
    stage.close()


def test_an_error_is_not_hidden_by_a_store_that_fails_too(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(Store, "remove", fail)
    monkeypatch.setattr(Store, "get", fail)
    stage.journal.before["runtime_create"] = raiser(HookError("the first"))
    with pytest.raises(PluginCallError, match="the first"):
        spawn(stage)


def test_an_agent_that_ends_at_once_is_reported_and_its_session_stays(stage: Stage) -> None:
    stage.agent.prompt = ""
    stage.journal.after["runtime_create"] = stage.runtime.live.clear
    with pytest.raises(AgentNotStartedError):
        spawn(stage)
    (session,) = stage.store.sessions()
    assert session.workspace_path.is_dir()


def test_a_prompt_that_is_not_delivered_leaves_the_session_spawning_with_a_warning(stage: Stage) -> None:
    stage.journal.before["runtime_send_message"] = raiser(HookError("no"))
    outcome = spawn(stage)
    assert not outcome.prompt_sent
    assert outcome.session.status is SessionStatus.SPAWNING
    assert f"rouser send {outcome.session.short_id} --prompt" in outcome.warnings[0]


def test_a_prompt_given_word_for_word_is_sent_word_for_word(stage: Stage) -> None:
    session = spawn(stage, prompt="  just {this}\n").session
    assert stage.journal.of("runtime_send_message") == ["  just {this}\n"]
    assert session.initial_prompt_override == "  just {this}\n"
