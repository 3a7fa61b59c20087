"""A restore that is ended between any two steps is completed by the next one: one runtime, one prompt."""

from collections.abc import Callable

import pytest
from support.fakes import PlainRuntime
from support.stage import Stage, intent, raiser, receipt

from rouser import PluginCallError, PromptState, SessionStatus
from rouser.delivery import digest_of
from rouser.launch import RESTORE
from rouser.store import Store


class PowerCutError(BaseException):
    """What no handler expects."""


def cut_at(stage: Stage, monkeypatch: pytest.MonkeyPatch, event: str) -> Callable[[], None]:
    """Fail when ``event`` is about to be recorded; return what ends the fault."""
    real = Store.revert

    def revert(self: Store, session: object, written: str, detail: object = None) -> object:
        if written == event:
            raise PowerCutError
        return real(self, session, written, detail)

    monkeypatch.setattr(Store, "revert", revert)
    return lambda: monkeypatch.setattr(Store, "revert", real)


def test_a_runtime_that_was_created_but_not_recorded_is_adopted_and_gets_the_prompt_it_is_owed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = stage.add(prompt=receipt(PromptState.DURABLE))
    mend = cut_at(stage, monkeypatch, RESTORE.done)
    with pytest.raises(PowerCutError):
        stage.restore(session.id)
    mend()
    assert stage.journal.of("runtime_send_message") == []
    outcome = stage.restore(session.id)
    assert outcome.adopted
    assert outcome.prompt_sent
    assert len(stage.runtime.created) == 1
    assert list(stage.runtime.live) == [outcome.runtime_handle] == [stage.store.get(session.id).runtime_handle]
    assert stage.journal.of("runtime_send_message") == ["please: fix the test"]
    assert stage.store.get(session.id).pending is None
    assert stage.events(session)[-2:] == ["adopted", "prompt_handed_over"]


def test_an_adopted_runtime_whose_command_carried_the_prompt_is_sent_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.agent.arguments = ("now",)
    session = stage.add()
    mend = cut_at(stage, monkeypatch, RESTORE.done)
    with pytest.raises(PowerCutError):
        stage.restore(session.id)
    mend()
    outcome = stage.restore(session.id)
    assert outcome.adopted
    assert outcome.prompt_sent
    assert stage.journal.of("runtime_send_message") == []
    assert outcome.session.prompt.state is PromptState.HANDED_OVER


@pytest.mark.parametrize("state", [PromptState.QUEUED, PromptState.DURABLE])
def test_a_prompt_that_an_adopted_runtimes_command_carried_is_sent_when_the_agent_says_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, state: PromptState
) -> None:
    stage.agent.arguments = ("now",)
    stage.agent.state = lambda: state
    stage.config = stage.config._replace(prompt_timeout=0.2)
    session = stage.add()
    mend = cut_at(stage, monkeypatch, RESTORE.done)
    with pytest.raises(PowerCutError):
        stage.restore(session.id)
    mend()
    outcome = stage.restore(session.id)
    assert outcome.adopted
    assert outcome.prompt_sent is (state is PromptState.DURABLE)
    assert outcome.session.prompt.state is (PromptState.DURABLE if outcome.prompt_sent else PromptState.FAILED)
    assert outcome.session.prompt.digest == digest_of("please: fix the test")
    assert stage.journal.of("runtime_send_message") == []


def test_an_adopted_runtime_that_resumed_a_conversation_with_the_prompt_is_sent_nothing(stage: Stage) -> None:
    session = stage.add(pending=intent("name-0", resumed=True), prompt=receipt(PromptState.DURABLE))
    stage.run(session, "unrecorded", "name-0")
    outcome = stage.restore(session.id)
    assert outcome.adopted
    assert outcome.resumed
    assert not outcome.prompt_sent
    assert stage.journal.changes == []
    assert outcome.runtime_handle == "unrecorded"


def test_a_restore_that_was_killed_before_it_created_anything_starts_over(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = stage.add()
    stage.journal.before["runtime_create"] = raiser(PowerCutError())
    cut_at(stage, monkeypatch, "runtime_not_created")
    with pytest.raises(PowerCutError):
        stage.restore(session.id)
    assert stage.store.get(session.id).pending is not None
    stage.journal.before.clear()
    outcome = stage.restore(session.id)
    assert not outcome.adopted
    assert len(stage.runtime.created) == 1
    assert outcome.session.pending is None


def test_a_store_that_fails_after_the_runtime_was_created_leaves_the_intent(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rouser import StoreError

    session = stage.add()
    real = Store.revert

    def full(self: Store, record: object, event: str, detail: object = None) -> object:
        if event == "restored":
            raise StoreError("the disk is full")
        return real(self, record, event, detail)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "revert", full)
        with pytest.raises(StoreError, match="the disk is full"):
            stage.restore(session.id)
    assert stage.store.get(session.id).pending is not None
    assert stage.restore(session.id).adopted


def test_without_discovery_the_name_that_is_taken_stops_a_second_runtime(tmp_path, monkeypatch) -> None:
    stage = Stage(tmp_path, runtime=PlainRuntime)
    session = stage.add()
    mend = cut_at(stage, monkeypatch, RESTORE.done)
    with pytest.raises(PowerCutError):
        stage.restore(session.id)
    mend()
    with pytest.raises(PluginCallError, match="there is a runtime name-0 already"):
        stage.restore(session.id)
    assert len(stage.runtime.live) == 1
    assert stage.store.get(session.id).pending is not None
    stage.close()


def test_a_runtime_of_another_session_is_never_adopted(stage: Stage) -> None:
    other = stage.add(status=SessionStatus.WORKING, alive=True)
    session = stage.add(pending=intent("name-1"))
    outcome = stage.restore(session.id)
    assert not outcome.adopted
    assert stage.runtime.live[other.runtime_handle].session_id == other.id


def test_a_dry_run_tells_of_the_adoption_and_does_not_adopt(stage: Stage) -> None:
    session = stage.add(pending=intent("name-0"))
    stage.run(session, "unrecorded", "name-0")
    before = stage.row(session)
    outcome = stage.plan(session.id)
    assert outcome.adopted
    assert "left the runtime" in outcome.evidence["runtime"]
    assert stage.row(session) == before
    assert stage.journal.changes == []


def test_discovery_that_fails_means_unknown(stage: Stage) -> None:
    from rouser import HookError, LivenessUnknownError

    session = stage.add(pending=intent("name-0"))
    stage.journal.before["runtime_discover"] = raiser(HookError("no server"))
    with pytest.raises(LivenessUnknownError, match="no server"):
        stage.restore(session.id)
    assert stage.journal.changes == []
