"""Which conversation a session has, from what is on disk."""

import json
import os
import subprocess
import sys
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4, uuid5

import pytest
from support.waiting import wait_for

from rouser import Conversation, Evidence, HookError, PromptReceipt, PromptState
from rouser_claude_code import conversations, register, transcripts

ID = "5b1e7a34-5a0c-4c52-9f0e-0d6f0a6f3c11"


def holds_prompt(session, home, text):
    return conversations.prompt_state(session, home, text, None) is PromptState.DURABLE


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
def test_a_stub_of_an_early_crash_is_moved_aside_only_when_the_client_is_started(
    make_session, home, put_transcript, stub
):
    path = put_transcript(stub)
    before = path.read_bytes()
    session = make_session()
    conversation = conversations.find(session, home)
    assert (conversation.id, conversation.evidence) == (session.id, Evidence.PINNED)
    assert "stub of an early crash" in conversation.reason
    assert not conversations.is_resumable(session, home)
    assert path.read_bytes() == before

    conversations.set_stub_aside(session, home)
    (aside,) = path.parent.iterdir()
    assert aside.name.startswith(f"{path.name}.stub-")
    assert aside.read_bytes() == before
    assert conversations.find(session, home).reason.endswith("no transcript yet: starts under the same id")


def test_a_conversation_is_never_moved_aside(make_session, home, put_transcript):
    path = put_transcript("finished")
    conversations.set_stub_aside(make_session(), home)
    assert path.exists()


def test_a_fresh_start_takes_another_id_when_the_client_has_a_conversation_of_the_sessions(
    make_session, home, put_transcript
):
    session = make_session()
    assert conversations.id_to_start(session, home) == session.id
    put_transcript("finished")
    assert conversations.id_to_start(session, home) == derived(session, 1)
    put_transcript("finished", derived(session, 1))
    assert conversations.id_to_start(session, home) == derived(session, 2)


def test_what_the_client_reports_is_followed(make_session, home, put_transcript, report):
    cleared = str(uuid4())
    put_transcript("finished")
    put_transcript("cleared", cleared)
    report("start", ID, at=1, source="startup")
    report("start", cleared, at=2, source="clear")
    found = conversations.find(make_session(), home)
    assert (found.id, found.evidence) == (cleared, Evidence.HOOK)
    assert found.reason == "reported by the client (clear), transcript has 0 turns"
    recorded = make_session(conversation=found)
    assert conversations.find(recorded, home).id == cleared
    assert holds_prompt(recorded, home, "RUNENV first prompt")


@pytest.mark.parametrize("stub", [None, "stub"])
def test_a_conversation_in_which_nothing_was_said_yet_starts_under_its_id_and_has_the_prompt_behind_it(
    make_session, home, put_transcript, report, stub
):
    put_transcript("finished")
    report("start", ID, at=1)
    cleared = str(uuid4())
    report("start", cleared, at=2, source="clear")
    if stub:
        put_transcript(stub, cleared)
    session = make_session(prompt=PromptReceipt(state=PromptState.DURABLE, at=datetime.now(UTC)))
    for _ in range(2):  # a client that is started for it may be killed as early
        found = conversations.find(session, home)
        assert (found.id, found.evidence) == (cleared, Evidence.HOOK)
        assert found.reason.endswith("starts under the same id")
        session = session._replace(conversation=found)
        assert not conversations.is_resumable(session, home)
        assert conversations.id_to_start(session, home) == cleared
        assert holds_prompt(session, home, "RUNENV first prompt")
        report("start", cleared, at=3, source="startup")


def test_a_conversation_after_clear_in_which_something_was_said_is_missed_when_it_is_gone(
    make_session, home, put_transcript, report
):
    put_transcript("finished")
    report("start", ID, at=1)
    cleared = str(uuid4())
    report("start", cleared, at=2, source="clear")
    report("prompt", cleared, at=3, prompt="something else")
    receipt = PromptReceipt(state=PromptState.DURABLE, at=datetime.now(UTC))
    session = make_session(prompt=receipt, workspace_path=Path(first_record(home)["cwd"]))
    assert conversations.find(session, home).evidence is Evidence.NEWEST_FILE


def test_what_was_said_before_the_session_was_started_afresh_does_not_count(make_session, home, put_transcript, report):
    put_transcript("finished")
    report("start", ID, at=1)
    assert holds_prompt(make_session(), home, "RUNENV first prompt")
    report("start", derived(make_session(), 1), at=2)
    assert not holds_prompt(make_session(), home, "RUNENV first prompt")


def test_an_id_that_sessions_are_started_under_is_pinned_whoever_reports_it(make_session, home, report):
    session = make_session()
    report("start", derived(session, 1))
    found = conversations.find(session, home)
    assert (found.id, found.evidence) == (derived(session, 1), Evidence.PINNED)


def test_without_reports_the_session_is_looked_for_among_the_live_processes(make_session, home):
    other = str(uuid4())
    environment = {**os.environ, "ROUSER_SESSION_ID": ID}
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env=environment) as process:
        try:
            enter(home, process.pid, other)
            found = wait_for(lambda: holder_found(make_session(), home, other), "the process shows its environment")
        finally:
            process.kill()
    assert (found.id, found.evidence) == (other, Evidence.PROCESS)
    assert conversations.find(make_session(), home).id == ID


def test_a_client_that_was_started_by_the_sessions_client_is_not_the_sessions(make_session, home):
    nested = {**os.environ, "ROUSER_SESSION_ID": ID, "CLAUDECODE": "1"}
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, env=nested) as process:
        try:
            wait_for(lambda: "CLAUDECODE" in Path(f"/proc/{process.pid}/environ").read_text(), "its environment shows")
            enter(home, process.pid, str(uuid4()))
            assert conversations.find(make_session(), home).id == ID
        finally:
            process.kill()


def holder_found(session, home, conversation_id):
    found = conversations.find(session, home)
    return found if found.id == conversation_id else None


def test_the_newest_of_the_directory_is_only_offered_when_the_sessions_own_is_gone(make_session, home, put_transcript):
    other = str(uuid4())
    put_transcript("finished", other)
    receipt = PromptReceipt(state=PromptState.DURABLE, at=datetime.now(UTC))
    place = {"workspace_path": Path(first_record(home)["cwd"])}
    assert conversations.find(make_session(**place), home).id == ID
    guess = conversations.find(make_session(prompt=receipt, **place), home)
    assert (guess.id, guess.evidence) == (other, Evidence.NEWEST_FILE)
    elsewhere = make_session(prompt=receipt, workspace_path=Path("/elsewhere"))
    assert conversations.find(elsewhere, home).evidence is Evidence.PINNED


def first_record(home):
    path = next(home.glob("projects/*/*.jsonl"))
    return next(transcripts.records(path, transcripts.CONVERSATION))


def test_a_prompt_that_was_reported_but_not_written_down_is_accepted_only(make_session, home, report):
    report("prompt", ID, prompt="x")
    session = make_session()
    assert conversations.prompt_state(session, home, "x", None) is PromptState.ACCEPTED
    assert conversations.prompt_state(session, home, "y", None) is PromptState.QUEUED
    later = datetime.now(UTC) + timedelta(hours=1)
    assert conversations.prompt_state(session, home, "x", later) is PromptState.QUEUED


def test_the_same_words_at_an_earlier_time_are_another_message(make_session, home, put_transcript):
    record = {"type": "user", "timestamp": "2026-01-01T00:00:00.000Z", "message": {"content": "go on"}}
    put_transcript(json.dumps(record, separators=(",", ":")).encode())
    session = make_session()
    before, after = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    assert conversations.prompt_state(session, home, "go on", before) is PromptState.DURABLE
    assert conversations.prompt_state(session, home, "go on", after) is PromptState.QUEUED


def test_what_was_pasted_is_known_again_inside_the_clients_marks(make_session, home, put_transcript):
    text = '\n\n<pasted_content id="fc">\na\nb\n\nc\n</pasted_content id="fc">\n'
    record = {"type": "user", "message": {"content": text}}
    put_transcript(json.dumps(record, separators=(",", ":")).encode())
    assert holds_prompt(make_session(), home, "a\nb\n\nc\n")
    assert not holds_prompt(make_session(), home, "a\nb")


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


def enter(home, pid, conversation_id):
    entry = {
        "pid": pid,
        "sessionId": conversation_id,
        "procStart": register.start_time(pid),
        "cwd": "/home/dev/shop",
        "status": "idle",
        "statusUpdatedAt": 0,
    }
    (home / "sessions").mkdir(parents=True, exist_ok=True)
    (home / "sessions" / f"{pid}.json").write_text(json.dumps(entry))


def test_a_live_process_that_holds_the_conversation_is_named(make_session, home, put_transcript):
    put_transcript("finished")
    assert conversations.holder(make_session(), home) is None
    enter(home, os.getpid(), ID)
    assert conversations.holder(make_session(), home) == f"process {os.getpid()}, started in /home/dev/shop"


def test_a_client_that_has_no_status_yet_holds_its_conversation(make_session, home):
    enter(home, os.getpid(), ID)
    path = home / "sessions" / f"{os.getpid()}.json"
    entry = json.loads(path.read_text())
    path.write_text(json.dumps({key: value for key, value in entry.items() if not key.startswith("status")}))
    assert conversations.holder(make_session(), home) == f"process {os.getpid()}, started in /home/dev/shop"


@pytest.mark.parametrize("words", [["--resume", ID], ["-r", ID], [f"--resume={ID}"], ["--session-id", ID, "--verbose"]])
def test_a_client_that_has_not_registered_yet_holds_what_its_command_line_names(make_session, home, tmp_path, words):
    client = tmp_path / "claude"
    client.symlink_to("/bin/sh")
    with subprocess.Popen([client, "-c", "read line", *words], stdin=subprocess.PIPE) as process:
        try:
            wait_for(lambda: conversations.holder(make_session(), home) == f"process {process.pid}", "it is found")
        finally:
            process.kill()
    assert conversations.holder(make_session(), home) is None


def test_a_command_that_only_mentions_the_conversation_does_not_hold_it(make_session, home):
    with subprocess.Popen(["sh", "-c", "read line", "--resume", ID], stdin=subprocess.PIPE) as process:
        try:
            cmdline = Path(f"/proc/{process.pid}/cmdline")
            wait_for(lambda: ID in cmdline.read_text(), "it runs")
            assert conversations.holder(make_session(), home) is None
        finally:
            process.kill()


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
    assert not holds_prompt(session, home, "half a pro")


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
    assert holds_prompt(session, home, "RUNENV first prompt")
    assert not holds_prompt(session, home, "RUNENV")
    assert not holds_prompt(session, home, "done")


def test_a_prompt_is_still_found_after_the_conversation_was_compacted(make_session, home, put_transcript):
    put_transcript("compacted")
    assert holds_prompt(make_session(), home, "#remember this")


def test_nothing_was_accepted_without_a_transcript(make_session, home):
    assert not holds_prompt(make_session(), home, "x")


@pytest.mark.parametrize("key", ["isMeta", "isSidechain", "isCompactSummary"])
def test_what_the_client_made_up_is_not_an_accepted_prompt(make_session, home, put_transcript, key):
    record = {"type": "user", key: True, "message": {"content": "x"}}
    put_transcript(json.dumps(record, separators=(",", ":")).encode())
    assert not holds_prompt(make_session(), home, "x")


def test_a_prompt_is_found_though_the_client_took_its_invisible_characters_out(make_session, home, put_transcript):
    record = {"type": "user", "message": {"content": "a\nb [31m red"}}
    put_transcript(json.dumps(record, separators=(",", ":")).encode())
    assert holds_prompt(make_session(), home, "a\r\nb \x1b[31m red\u200b")


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
        holds_prompt(make_session(), home, "x")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < len(line) * 20
