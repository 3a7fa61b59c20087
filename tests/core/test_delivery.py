"""Waiting for agents and seeing words to them: what is claimed is what the agent itself has said."""

from __future__ import annotations

import itertools

import pytest
from support.stage import Stage, raiser, receipt

from rouser import (
    AgentNotStartedError,
    ConversationHeldError,
    HookError,
    MessageNotSentError,
    PluginCallError,
    PromptState,
)
from rouser import delivery as module
from rouser.control import send


def answers(*values):
    """Return a function that gives one of ``values`` at each call, and the last one for ever."""
    given = itertools.chain(values, itertools.repeat(values[-1]))
    return lambda: next(given)


def say(stage: Stage, text: str = "go on", seconds: float = 0.3):
    session = stage.add(alive=True)
    return send(stage.host, stage.store, session.id, text, seconds)


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_EVERY", 0.02)
    monkeypatch.setattr(module, "_SUBMIT_AGAIN_AFTER", 0.02)


# Messages.


def test_a_message_is_typed_once_and_waited_for_until_it_is_durable(stage: Stage) -> None:
    stage.agent.ready = answers(False, True)
    stage.agent.state = answers(PromptState.QUEUED, PromptState.ACCEPTED, PromptState.DURABLE)
    session = say(stage, seconds=20)
    assert stage.journal.of("runtime_send_message") == ["go on"]
    queued, durable = stage.store.history(session.id)[1:]
    assert (queued.event, durable.event) == ("message_queued", "message_durable")
    assert queued.detail["id"] == durable.detail["id"]
    assert queued.detail["digest"] == module.digest_of("go on")
    assert "go on" not in str(queued.detail)


def test_two_messages_of_the_same_words_are_two_messages(stage: Stage) -> None:
    session = stage.add(alive=True)
    for _ in range(2):
        send(stage.host, stage.store, session.id, "go on", 1)
    ids = [entry.detail["id"] for entry in stage.store.history(session.id) if entry.event == "message_queued"]
    assert len(set(ids)) == 2


def test_what_is_typed_is_what_the_agents_plugin_makes_of_the_message(stage: Stage) -> None:
    stage.agent.typed = "word for word: {message}"
    say(stage, "/quit")
    assert stage.journal.of("runtime_send_message") == ["word for word: /quit"]
    assert set(stage.journal.of("agent_prompt_state")) == {"/quit"}


def test_nothing_is_typed_into_an_agent_that_does_not_become_ready(stage: Stage) -> None:
    stage.agent.ready = lambda: False
    with pytest.raises(MessageNotSentError, match=r"nothing was typed: the agent did not become ready within 0.3 s"):
        say(stage)
    assert stage.journal.of("runtime_send_message") == []


def test_nothing_is_typed_into_a_dialog(stage: Stage) -> None:
    stage.agent.ready = lambda: False
    stage.agent.explanation = "it asks whether to trust the directory"
    with pytest.raises(MessageNotSentError, match="nothing was typed: it asks whether to trust the directory"):
        say(stage, seconds=20)
    assert stage.journal.of("runtime_send_message") == []
    assert stage.journal.of("runtime_submit") == []


def test_a_message_that_is_not_confirmed_is_an_error_and_on_record_as_failed(stage: Stage) -> None:
    stage.agent.state = lambda: PromptState.QUEUED
    session = stage.add(alive=True)
    with pytest.raises(MessageNotSentError, match=r"did not confirm it within 0\.2 s"):
        send(stage.host, stage.store, session.id, "go on", 0.2)
    assert stage.events(session)[-1] == "message_failed"


def test_a_message_that_was_taken_but_not_written_down_says_so(stage: Stage) -> None:
    stage.agent.state = lambda: PromptState.ACCEPTED
    with pytest.raises(MessageNotSentError, match="the agent took it, but did not write it down"):
        say(stage)


def test_what_the_agent_wrote_right_before_it_died_counts(stage: Stage) -> None:
    def state() -> PromptState:
        if stage.runtime.live:
            stage.runtime.live.clear()
            return PromptState.QUEUED
        return PromptState.DURABLE

    stage.agent.state = state
    assert stage.events(say(stage))[-1] == "message_durable"


def test_what_the_agent_wrote_while_its_terminal_was_taken_away_counts(stage: Stage) -> None:
    def state() -> PromptState:
        if "runtime_is_alive" not in stage.journal.before:
            stage.journal.before["runtime_is_alive"] = raiser(HookError("it lost its terminal but still runs"))
            return PromptState.QUEUED
        return PromptState.DURABLE

    stage.agent.state = state
    assert stage.events(say(stage))[-1] == "message_durable"


def test_enter_is_pressed_again_only_while_our_own_text_stands_in_the_input(stage: Stage) -> None:
    stage.agent.state = lambda: PromptState.QUEUED
    stage.agent.holds = answers(True, False)
    with pytest.raises(MessageNotSentError):
        say(stage, seconds=1)
    assert len(stage.journal.of("runtime_submit")) == 1
    assert stage.journal.of("runtime_send_message") == ["go on"]


def test_enter_is_pressed_three_times_at_most(stage: Stage) -> None:
    stage.agent.state = lambda: PromptState.QUEUED
    stage.agent.holds = lambda: True
    with pytest.raises(MessageNotSentError):
        say(stage, seconds=2)
    assert len(stage.journal.of("runtime_submit")) == 3


def test_a_runtime_that_fails_leaves_a_failed_message(stage: Stage) -> None:
    stage.journal.before["runtime_send_message"] = raiser(HookError("the pane is dead"))
    session = stage.add(alive=True)
    with pytest.raises(PluginCallError, match="the pane is dead"):
        send(stage.host, stage.store, session.id, "go on", 1)
    assert stage.events(session)[-1] == "message_failed"


# Starts.


def test_a_start_is_not_a_success_before_the_agent_says_so(stage: Stage) -> None:
    stage.agent.started = answers(False, False, True)
    stage.config = stage.config._replace(prompt_timeout=20)
    stage.restore(stage.add().id)
    assert len(stage.journal.of("agent_has_started")) == 3


def test_an_agent_that_says_nothing_is_reported_with_its_last_lines(stage: Stage) -> None:
    stage.agent.started = lambda: False
    stage.runtime.output = "first\n\n  Loading...\n"
    with pytest.raises(
        AgentNotStartedError, match=r"did not say that it is up within 0.3 s\. .*first \| Loading\.\.\."
    ):
        stage.restore(stage.add().id)


def test_a_dialog_ends_the_waiting_and_the_runtime_is_left_to_the_person(stage: Stage) -> None:
    stage.config = stage.config._replace(prompt_timeout=60)
    stage.agent.started = lambda: False
    stage.agent.arguments = ("--", "do it")
    stage.agent.explanation = "it asks whether to trust the directory"
    session = stage.add()
    with pytest.raises(AgentNotStartedError, match="it asks whether to trust the directory"):
        stage.restore(session.id)
    assert len(stage.runtime.live) == 1
    assert stage.store.get(session.id).prompt.state is PromptState.HANDED_OVER
    assert stage.journal.of("runtime_submit") == []


def test_what_an_agent_wrote_before_it_ended_is_explained(stage: Stage) -> None:
    stage.agent.started = lambda: stage.runtime.live.clear() or False
    stage.agent.explanation = "it does not know the conversation"
    with pytest.raises(AgentNotStartedError, match="it has exited: it does not know the conversation"):
        stage.restore(stage.add().id)


def test_the_plugin_gets_ready_right_before_the_runtime_is_made(stage: Stage) -> None:
    stage.agent.arguments = ("--", "do it")
    stage.restore(stage.add().id)
    hooks = [hook for hook, _ in stage.journal.calls if hook in {"agent_starting", "runtime_create"}]
    assert hooks == ["agent_starting", "runtime_create"]
    assert stage.journal.of("agent_starting") == ["please: fix the test"]


def test_a_plan_gets_nothing_ready(stage: Stage) -> None:
    stage.plan(stage.add().id)
    assert stage.journal.of("agent_starting") == []


def test_an_agent_that_cannot_be_made_ready_is_not_started_and_the_record_is_put_back(stage: Stage) -> None:
    session = stage.add(prompt=receipt(PromptState.DURABLE))
    stage.journal.before["agent_starting"] = raiser(HookError("no room"))
    with pytest.raises(PluginCallError, match="no room"):
        stage.restore(session.id)
    assert stage.runtime.created == []
    assert stage.store.get(session.id)._replace(updated_at=session.updated_at) == session


# Conversations that somebody has open.


@pytest.mark.parametrize("force", [False, True])
def test_a_conversation_that_a_live_process_has_open_is_refused_and_nothing_is_changed(stage: Stage, force) -> None:
    stage.agent.holder = lambda: "process 4711"
    session = stage.add()
    with pytest.raises(ConversationHeldError, match="process 4711"):
        stage.plan(session.id)
    with pytest.raises(ConversationHeldError, match=r"process 4711.*Nothing was changed"):
        stage.restore(session.id, force=force)
    assert stage.journal.changes == []
    assert stage.store.get(session.id).pending is None


def test_a_process_that_is_about_to_end_is_waited_for(stage: Stage) -> None:
    stage.agent.holder = answers("process 4711", "process 4711", None)
    assert stage.restore(stage.add().id).runtime_handle
