"""Which conversation a session has, from what is on disk."""

import json
import os
import tracemalloc
from datetime import UTC, datetime
from uuid import UUID, uuid4, uuid5

import pytest

from rouser import Conversation, Evidence, HookError, PromptReceipt, PromptState
from rouser_claude_code import conversations, register, transcripts


def derived(session, number):
    return str(uuid5(UUID(session.id), str(number)))


def test_a_session_that_was_never_launched_gets_its_own_id(make_session, home):
    session = make_session()
    conversation = conversations.find(session, home)
    assert (conversation.id, conversation.evidence) == (session.id, Evidence.PINNED)
    assert conversation.reason == "pinned at spawn, no transcript yet: starts under the same id"


@pytest.mark.parametrize(
    ("sample", "turns"),
    [
        ("finished", "1 turn"),
        ("interrupted", "1 turn"),
        ("compacted", "1 turn"),
        ("cleared", "0 turns"),
        ("unknown_command", "0 turns"),
    ],
)
def test_a_transcript_with_a_conversation_is_resumed_and_its_prompts_are_counted(
    make_session, home, put_transcript, sample, turns
):
    put_transcript(sample)
    session = make_session()
    assert conversations.find(session, home).reason == f"pinned at spawn, transcript has {turns}"
    assert conversations.is_resumable(session, home)


@pytest.mark.parametrize("stub", ["stub", b"", b'{"type":"user","mess'])
def test_a_stub_of_an_early_crash_is_left_alone_and_a_new_id_takes_its_place(make_session, home, put_transcript, stub):
    path = put_transcript(stub)
    before = path.read_bytes()
    session = make_session()
    conversation = conversations.find(session, home)
    assert (conversation.id, conversation.evidence) == (derived(session, 1), Evidence.PINNED)
    assert "stub of an early crash" in conversation.reason
    assert path.read_bytes() == before


def test_the_new_id_is_found_again_and_resumed(make_session, home, put_transcript):
    put_transcript("stub")
    session = make_session()
    put_transcript("finished", derived(session, 1))
    found = conversations.find(session, home)
    again = conversations.find(make_session(conversation=found), home)
    assert found.id == again.id == derived(session, 1)
    assert conversations.is_resumable(make_session(conversation=again), home)


def test_each_further_stub_leads_to_a_further_id(make_session, home, put_transcript):
    session = make_session()
    put_transcript("stub")
    put_transcript("stub", derived(session, 1))
    recorded = Conversation(id=derived(session, 1), evidence=Evidence.PINNED)
    assert conversations.find(session, home).id == derived(session, 2)
    assert conversations.find(make_session(conversation=recorded), home).id == derived(session, 2)


def test_a_recorded_conversation_and_its_evidence_are_kept(make_session, home, put_transcript):
    recorded = Conversation(id=str(uuid4()), evidence=Evidence.HOOK, reason="old")
    put_transcript("finished", recorded.id)
    found = conversations.find(make_session(conversation=recorded), home)
    assert (found.id, found.evidence) == (recorded.id, Evidence.HOOK)
    assert found.reason == "recorded (hook), transcript has 1 turn"


def test_a_recorded_id_that_is_no_uuid_is_refused(make_session, home):
    recorded = Conversation(id="../../etc/passwd", evidence=Evidence.HOOK)
    session = make_session(conversation=recorded)
    for ask in (lambda: conversations.find(session, home), lambda: conversations.id_of(session)):
        with pytest.raises(HookError, match="its ids are UUIDs"):
            ask()


def test_a_transcript_that_is_gone_after_its_prompt_was_accepted_is_said_to_be_gone(make_session, home):
    receipt = PromptReceipt(state=PromptState.DURABLE, at=datetime.now(UTC))
    assert "its transcript is gone" in conversations.find(make_session(prompt=receipt), home).reason


def test_a_live_process_that_holds_the_conversation_is_named(make_session, home, put_transcript):
    put_transcript("finished")
    pid = os.getpid()
    entry = {
        "pid": pid,
        "sessionId": make_session().id,
        "procStart": register.start_time(pid),
        "status": "idle",
        "statusUpdatedAt": 0,
    }
    (home / "sessions").mkdir()
    (home / "sessions" / f"{pid}.json").write_text(json.dumps(entry))
    assert conversations.find(make_session(), home).reason.endswith(
        f"transcript has 1 turn, held by the live process {pid}"
    )


def test_a_stub_elsewhere_does_not_hide_a_conversation(make_session, home, put_transcript):
    put_transcript("finished", directory="-a")
    put_transcript("stub", directory="-b")
    assert conversations.find(make_session(), home).reason.endswith("transcript has 1 turn")


def test_a_torn_last_line_is_passed_over(make_session, home, put_transcript):
    path = put_transcript("finished")
    with path.open("ab") as file:
        file.write(b'{"parentUuid":null,"type":"user","message":{"role":"user","content":"half a pro')
    session = make_session()
    assert conversations.find(session, home).reason.endswith("transcript has 1 turn")
    assert not conversations.holds_prompt(session, home, "half a pro")


def test_turns_beyond_what_is_read_are_not_claimed(make_session, home, put_transcript, monkeypatch):
    line = (json.dumps({"type": "user", "message": {"content": "x" * 500}}, separators=(",", ":")) + "\n").encode()
    put_transcript(line * 100)
    monkeypatch.setattr(conversations, "_COUNTED_BYTES", len(line) * 10)
    assert conversations.find(make_session(), home).reason.endswith("transcript has more than 10 turns")


def test_transcripts_that_cannot_be_read_are_not_taken_for_missing(make_session, home):
    home.mkdir()
    (home / "projects").write_text("")
    with pytest.raises(HookError, match="cannot read"):
        conversations.find(make_session(), home)


def test_the_prompt_of_a_finished_conversation_is_found_in_it(make_session, home, put_transcript):
    put_transcript("finished")
    session = make_session()
    assert conversations.holds_prompt(session, home, "RUNENV first prompt")
    assert not conversations.holds_prompt(session, home, "RUNENV")
    assert not conversations.holds_prompt(session, home, "done")


def test_a_prompt_is_still_found_after_the_conversation_was_compacted(make_session, home, put_transcript):
    put_transcript("compacted")
    assert conversations.holds_prompt(make_session(), home, "#remember this")


def test_nothing_was_accepted_without_a_transcript(make_session, home):
    assert not conversations.holds_prompt(make_session(), home, "x")


@pytest.mark.parametrize("key", ["isMeta", "isSidechain", "isCompactSummary"])
def test_what_the_client_made_up_is_not_an_accepted_prompt(make_session, home, put_transcript, key):
    record = {"type": "user", key: True, "message": {"content": "x"}}
    put_transcript(json.dumps(record, separators=(",", ":")).encode())
    assert not conversations.holds_prompt(make_session(), home, "x")


def test_a_prompt_is_found_though_the_client_took_its_invisible_characters_out(make_session, home, put_transcript):
    record = {"type": "user", "message": {"content": "a\nb [31m red"}}
    put_transcript(json.dumps(record, separators=(",", ":")).encode())
    assert conversations.holds_prompt(make_session(), home, "a\r\nb \x1b[31m red\u200b")


def test_the_text_of_a_prompt_may_come_in_blocks():
    blocks = [{"type": "text", "text": "look"}, {"type": "image"}, {"type": "text", "text": "here"}]
    assert transcripts.text_of({"message": {"content": blocks}}) == "look\nhere"


@pytest.mark.parametrize("record", [{}, {"message": 7}, {"message": {}}, {"message": {"content": [7]}}])
def test_records_of_another_shape_are_no_prompts(record):
    assert not transcripts.text_of(record)


def test_a_large_transcript_is_not_held_in_memory(make_session, home, put_transcript):
    result = {"type": "user", "message": {"content": [{"type": "tool_result", "content": "x" * 100_000}]}}
    line = (json.dumps(result, separators=(",", ":")) + "\n").encode()
    put_transcript(line * 200)
    tracemalloc.start()
    try:
        conversations.find(make_session(), home)
        conversations.holds_prompt(make_session(), home, "x")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < len(line) * 20
