"""Which conversation a restore continues, and whether it delivers the prompt: once, and never a second time."""

import itertools

import pytest
from support.stage import Stage, raiser, receipt

from rouser import Conversation, Evidence, HookError, PromptState, SessionStatus

PINNED = Conversation(id="5b1e", evidence=Evidence.PINNED, reason="pinned at spawn")
GUESS = Conversation(id="5b1e", evidence=Evidence.NEWEST_FILE)


def resumable(stage: Stage, conversation: Conversation = PINNED) -> None:
    stage.agent.conversation = conversation
    stage.agent.resume = ("agent", "resume", conversation.id)


def test_a_conversation_is_resumed_and_the_prompt_not_sent_again(stage: Stage) -> None:
    resumable(stage)
    session = stage.add(prompt=receipt(PromptState.HANDED_OVER))
    outcome = stage.restore(session.id)
    assert outcome.resumed
    assert not outcome.prompt_sent
    assert stage.runtime.created[0].command == ("agent", "resume", "5b1e")
    assert stage.journal.of("runtime_send_message") == []
    assert outcome.session.conversation == PINNED
    assert outcome.session.prompt == session.prompt
    assert outcome.evidence["conversation"] == "5b1e  pinned at spawn"


def test_with_nothing_to_resume_a_fresh_conversation_gets_the_prompt_whatever_the_receipt_says(stage: Stage) -> None:
    session = stage.add(prompt=receipt(PromptState.DURABLE))
    outcome = stage.restore(session.id)
    assert not outcome.resumed
    assert outcome.prompt_sent
    assert stage.runtime.created[0].command == ("agent", "new")
    assert stage.journal.of("runtime_send_message") == ["please: fix the test"]
    assert outcome.session.prompt.state is PromptState.HANDED_OVER


def test_a_conversation_that_is_still_empty_does_not_get_the_prompt_that_the_one_before_it_has(stage: Stage) -> None:
    """As after /clear: the agent has done it, and went on to a conversation in which nothing was said."""
    stage.agent.conversation = PINNED
    stage.agent.state = lambda: PromptState.DURABLE
    session = stage.add(prompt=receipt(PromptState.DURABLE))
    planned = stage.plan(session.id)
    outcome = stage.restore(session.id)
    for found in planned, outcome:
        assert (found.resumed, found.prompt_sent) == (False, False)
        assert found.evidence["prompt"] == "not sent, an earlier conversation has it"
    assert stage.runtime.created[0].command == ("agent", "new")
    assert stage.journal.of("runtime_send_message") == []
    assert outcome.session.prompt == session.prompt


def test_below_the_floor_the_prompt_is_sent_whatever_earlier_conversations_have(stage: Stage) -> None:
    stage.agent.conversation = GUESS
    stage.agent.state = lambda: PromptState.DURABLE
    assert stage.restore(stage.add(prompt=receipt(PromptState.DURABLE)).id).prompt_sent


def test_the_agent_sees_the_conversation_that_was_just_found(stage: Stage) -> None:
    resumable(stage)
    stage.restore(stage.add().id)
    (asked,) = stage.journal.of("agent_restore_command")
    assert asked.conversation == PINNED


@pytest.mark.parametrize("state", [PromptState.QUEUED, PromptState.FAILED])
def test_a_resumed_conversation_whose_receipt_says_unsent_gets_the_prompt_once(
    stage: Stage, state: PromptState
) -> None:
    resumable(stage)
    outcome = stage.restore(stage.add(prompt=receipt(state)).id)
    assert outcome.resumed
    assert outcome.prompt_sent
    assert len(stage.journal.of("runtime_send_message")) == 1
    assert outcome.evidence["prompt"] == "sent again, it was never accepted"


def test_a_resumed_conversation_that_certainly_lacks_the_prompt_gets_it_whatever_the_receipt_says(
    stage: Stage,
) -> None:
    resumable(stage)
    answers = itertools.chain([PromptState.QUEUED], itertools.repeat(PromptState.DURABLE))
    stage.agent.state = lambda: next(answers)
    outcome = stage.restore(stage.add(prompt=receipt(PromptState.HANDED_OVER)).id)
    assert outcome.prompt_sent
    assert outcome.session.prompt.state is PromptState.DURABLE


def test_a_resumed_conversation_that_has_the_prompt_does_not_get_it_though_the_receipt_says_failed(
    stage: Stage,
) -> None:
    resumable(stage)
    stage.agent.state = lambda: PromptState.DURABLE
    outcome = stage.restore(stage.add(prompt=receipt(PromptState.FAILED)).id)
    assert not outcome.prompt_sent
    assert stage.journal.of("runtime_send_message") == []


def test_evidence_below_the_floor_starts_afresh_with_a_warning(stage: Stage) -> None:
    resumable(stage, GUESS)
    outcome = stage.restore(stage.add().id)
    assert not outcome.resumed
    assert outcome.prompt_sent
    assert stage.runtime.created[0].command == ("agent", "new")
    assert outcome.warnings == ("conversation 5b1e was found only by newest_file, less than process: starting afresh",)


@pytest.mark.parametrize("evidence", [Evidence.PINNED, Evidence.HOOK, Evidence.PROCESS])
def test_evidence_at_or_above_the_floor_is_resumed(stage: Stage, evidence: Evidence) -> None:
    resumable(stage, Conversation(id="5b1e", evidence=evidence))
    outcome = stage.restore(stage.add().id)
    assert outcome.resumed
    assert outcome.warnings == ()


@pytest.mark.parametrize("prompt", ["", " \n\t "])
def test_a_blank_prompt_is_never_sent(stage: Stage, prompt: str) -> None:
    stage.agent.prompt = prompt
    stage.agent.arguments = ("--prompt",)
    outcome = stage.restore(stage.add(prompt=receipt(PromptState.QUEUED)).id)
    assert not outcome.prompt_sent
    assert outcome.warnings == ()
    assert stage.runtime.created[0].command == ("agent", "new")
    assert stage.journal.of("runtime_send_message") == []


def test_failing_to_deliver_is_told_with_what_to_do_and_the_restore_succeeds(stage: Stage) -> None:
    session = stage.add(prompt=receipt(PromptState.DURABLE))
    stage.journal.before["runtime_send_message"] = raiser(HookError("the pane is dead"))
    outcome = stage.restore(session.id)
    assert not outcome.prompt_sent
    (warning,) = outcome.warnings
    assert "the pane is dead" in warning
    assert f"rouser send {session.short_id} --prompt" in warning
    assert stage.store.get(session.id).prompt.state is PromptState.FAILED
    assert stage.store.get(session.id).status is SessionStatus.SPAWNING


def test_what_failed_to_be_delivered_is_delivered_by_the_next_restore_though_the_conversation_is_resumed(
    stage: Stage,
) -> None:
    session = stage.add(prompt=receipt(PromptState.DURABLE))
    stage.journal.before["runtime_send_message"] = raiser(HookError("the pane is dead"))
    stage.restore(session.id)
    stage.journal.before.clear()
    stage.runtime.live.clear()
    resumable(stage)
    outcome = stage.restore(session.id)
    assert outcome.resumed
    assert outcome.prompt_sent


def test_an_agent_that_is_not_ready_yet_is_waited_for(stage: Stage) -> None:
    stage.config = stage.config._replace(prompt_timeout=20)
    answers = itertools.chain([False, False], itertools.repeat(True))
    stage.agent.ready = lambda: next(answers)
    outcome = stage.restore(stage.add().id)
    assert outcome.prompt_sent
    asked = [hook for hook, _ in stage.journal.calls if hook in {"agent_is_ready", "runtime_send_message"}]
    assert asked == ["agent_is_ready"] * 3 + ["runtime_send_message"]


def test_an_agent_that_never_gets_ready_is_not_sent_to(stage: Stage) -> None:
    stage.agent.ready = lambda: False
    outcome = stage.restore(stage.add().id)
    assert not outcome.prompt_sent
    assert stage.journal.of("runtime_send_message") == []
    assert "did not become ready within 0.3 s" in outcome.warnings[0]


def test_readiness_is_told_from_the_output_of_the_runtime(stage: Stage) -> None:
    stage.runtime.output = "> "
    stage.agent.ready = lambda: True
    stage.restore(stage.add().id)
    assert stage.journal.of("agent_is_ready") == ["> "]


def test_a_prompt_that_travels_in_the_arguments_is_not_sent_through_the_runtime(stage: Stage) -> None:
    stage.agent.arguments = ("--", "please: fix the test")
    outcome = stage.restore(stage.add().id)
    assert stage.runtime.created[0].command == ("agent", "new", "--", "please: fix the test")
    assert outcome.launch_command == stage.runtime.created[0].command
    assert outcome.prompt_sent
    assert stage.journal.of("runtime_send_message") == []
    assert outcome.session.prompt.state is PromptState.HANDED_OVER


def test_an_agent_that_never_confirms_the_prompt_has_not_got_it(stage: Stage) -> None:
    stage.agent.state = lambda: PromptState.QUEUED
    outcome = stage.restore(stage.add().id)
    assert not outcome.prompt_sent
    assert "did not confirm it within 0.3 s" in outcome.warnings[0]
    assert outcome.session.prompt.state is PromptState.FAILED


def test_an_agent_that_can_no_longer_tell_confirms_nothing(stage: Stage) -> None:
    answers = itertools.chain([PromptState.QUEUED], itertools.repeat(None))
    stage.agent.state = lambda: next(answers)
    outcome = stage.restore(stage.add().id)
    assert outcome.session.prompt.state is PromptState.HANDED_OVER
    assert outcome.session.prompt.reason == "the agent cannot confirm it"


def test_waiting_for_an_agent_ends_when_the_agent_does(stage: Stage) -> None:
    stage.config = stage.config._replace(prompt_timeout=60)

    def die() -> bool:
        stage.runtime.live.clear()
        return False

    stage.agent.ready = die
    with pytest.raises(Exception, match="the agent ended as soon as it was started"):
        stage.restore(stage.add().id)
    assert stage.journal.of("runtime_send_message") == []


def test_until_a_fresh_conversation_has_its_prompt_the_receipt_says_queued(stage: Stage) -> None:
    """Else a restore that is killed before it sends would leave the receipt of an earlier conversation."""
    session = stage.add(prompt=receipt(PromptState.DURABLE))
    seen = []
    stage.journal.before["runtime_send_message"] = lambda: seen.append(stage.store.get(session.id).prompt.state)
    stage.restore(session.id)
    assert seen == [PromptState.QUEUED]
