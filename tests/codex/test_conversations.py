"""Which conversation is a session's: by its process, the client's snapshot, the record, the prompt, or a guess."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from codex.records import put_rollout, put_snapshot, said

from rouser import Conversation, Evidence, HookError, PromptState
from rouser_codex import conversations


def recorded(session, conversation_id, evidence=Evidence.PROCESS):
    return session._replace(conversation=Conversation(id=conversation_id, evidence=evidence))


def test_before_anything_was_said_there_is_none(home, make_session):
    assert conversations.find(make_session(), home) is None


def test_what_the_sessions_process_has_open_counts_before_anything_was_said(home, make_session, client):
    thread = str(uuid.uuid4())
    pid = client(make_session().id, thread)
    found = conversations.find(make_session(), home)
    assert found is not None
    assert (found.id, found.evidence) == (thread, Evidence.PROCESS)
    assert f"process {pid}" in found.reason
    assert not conversations.is_resumable(recorded(make_session(), thread), home)


def test_the_process_of_another_session_does_not_count(home, make_session, client):
    client(str(uuid.uuid4()), str(uuid.uuid4()))
    client("", str(uuid.uuid4()))
    assert conversations.find(make_session(), home) is None


def test_a_sub_agent_is_not_taken_for_the_conversation(home, make_session, client):
    session = make_session()
    own, other = sorted(str(uuid.uuid4()) for _ in range(2))
    put_rollout(home, session.workspace_path, "fix it", conversation_id=own)
    put_rollout(home, session.workspace_path, "look it up", conversation_id=other, source={"subagent": "review"})
    client(session.id, own, other)
    found = conversations.find(session, home)
    assert found is not None
    assert found.id == own


def test_a_record_that_is_dated_by_the_tick_before_the_session_counts(home, make_session):
    session = make_session()
    own = put_rollout(home, session.workspace_path, session.task, offset=1)
    (path,) = (home / "sessions").rglob("*.jsonl")
    tick = session.created_at.timestamp() - 0.004
    os.utime(path, (tick, tick))
    found = conversations.find(session, home)
    assert found is not None
    assert found.id == own


def test_the_snapshot_of_the_shell_tells_after_a_crash(home, make_session):
    session = make_session()
    thread = put_rollout(home, session.workspace_path, "something else")
    put_rollout(home, session.workspace_path, "by hand")
    put_snapshot(home, thread, session.id)
    found = conversations.find(session, home)
    assert found is not None
    assert (found.id, found.evidence) == (thread, Evidence.PROCESS)
    assert "1 turn written down" in found.reason


def test_the_newer_of_snapshot_and_record_counts(home, make_session):
    session = make_session()
    old = put_rollout(home, session.workspace_path, "old", offset=-60)
    new = put_rollout(home, session.workspace_path, "new", offset=-30)
    put_snapshot(home, old, session.id, offset=-50)
    assert conversations.find(recorded(session, new), home).id == new
    put_snapshot(home, new, session.id, offset=-20)
    assert conversations.find(recorded(session, old), home).id == new


def test_a_snapshot_of_a_client_that_the_agent_started_does_not_count(home, make_session):
    session = make_session(task="")
    thread = put_rollout(home, session.workspace_path, "inner", offset=-60)
    put_snapshot(home, thread, session.id, more='declare -x CODEX_THREAD_ID="x"\n')
    assert conversations.find(session, home) is None


def test_the_only_one_that_begins_with_the_prompt_counts(home, make_session):
    session = make_session()
    own = put_rollout(home, session.workspace_path, "fix the flaky test", offset=1)
    put_rollout(home, session.workspace_path, "by hand", offset=2)
    found = conversations.find(session, home)
    assert (found.id, found.evidence) == (own, Evidence.PROCESS)


def test_of_two_that_begin_with_the_prompt_the_newest_is_a_guess(home, make_session):
    session = make_session()
    put_rollout(home, session.workspace_path, "fix the flaky test", offset=1)
    newest = put_rollout(home, session.workspace_path, "fix the flaky test", offset=2)
    found = conversations.find(session, home)
    assert (found.id, found.evidence) == (newest, Evidence.NEWEST_FILE)


def test_what_is_older_elsewhere_or_another_sessions_is_no_candidate(home, make_session, tmp_path):
    session = make_session()
    put_rollout(home, session.workspace_path, "fix the flaky test", offset=-60)
    put_rollout(home, tmp_path, "fix the flaky test", offset=1)
    others = put_rollout(home, session.workspace_path, "fix the flaky test", offset=1)
    put_snapshot(home, others, str(uuid.uuid4()))
    put_rollout(home, session.workspace_path, "fix the flaky test", source="exec", offset=1)
    assert conversations.find(session, home) is None


def test_a_recorded_conversation_that_is_gone_is_started_afresh(home, make_session):
    session = recorded(make_session(task=""), str(uuid.uuid4()))
    found = conversations.find(session, home)
    assert "starts afresh" in found.reason
    assert not conversations.is_resumable(session, home)


def test_a_recorded_id_that_is_none_of_the_clients_is_an_error(home, make_session):
    with pytest.raises(HookError, match="not one of Codex's"):
        conversations.find(recorded(make_session(), "my name"), home)


def test_a_torn_first_line_is_not_resumed(home, make_session):
    session = make_session()
    thread = put_rollout(home, session.workspace_path, "fix it")
    (path,) = home.glob("sessions/*/*/*/*.jsonl")
    path.write_bytes(path.read_bytes()[:50])
    assert not conversations.is_resumable(recorded(session, thread), home)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_records_that_cannot_be_read_are_not_taken_for_missing(home, make_session):
    put_rollout(home, make_session().workspace_path, "fix it")
    (home / "sessions").chmod(0)
    try:
        with pytest.raises(HookError, match="cannot read"):
            conversations.find(make_session(), home)
    finally:
        (home / "sessions").chmod(0o700)


def test_the_holder_is_named_with_its_directory(home, make_session, client, tmp_path):
    session = make_session()
    thread = put_rollout(home, session.workspace_path, "fix it")
    session = recorded(session, thread)
    assert conversations.holder(session, home) is None
    pid = client("", thread)
    assert conversations.holder(session, home) == f"process {pid}, started in {tmp_path}"


def test_what_was_said_before_is_no_evidence_for_now(home, make_session):
    session = make_session()
    session = recorded(session, put_rollout(home, session.workspace_path, "go on", offset=-60))
    since = datetime.now(UTC) - timedelta(seconds=30)
    assert conversations.prompt_state(session, home, "go on", None) is PromptState.DURABLE
    assert conversations.prompt_state(session, home, "go on", since) is PromptState.QUEUED
    (path,) = home.glob("sessions/*/*/*/*.jsonl")
    with path.open("a") as file:
        file.write(said("go on ") + '{"torn')
    assert conversations.prompt_state(session, home, "go on", since) is PromptState.DURABLE


def test_a_guess_is_no_evidence_for_a_prompt(home, make_session):
    session = make_session(task="")
    put_rollout(home, session.workspace_path, "go on", offset=1)
    assert conversations.prompt_state(session, home, "go on", None) is PromptState.QUEUED


def test_the_initial_prompt_stands_in_the_first_conversation_also_after_new(home, make_session):
    session = make_session()
    first = put_rollout(home, session.workspace_path, "fix the flaky test", offset=-60)
    second = put_rollout(home, session.workspace_path, "something else", offset=-30)
    put_snapshot(home, first, session.id, offset=-59)
    put_snapshot(home, second, session.id, offset=-29)
    assert conversations.find(session, home).id == second
    assert conversations.prompt_state(session, home, "fix the flaky test", None) is PromptState.DURABLE
