"""What becomes of a session's conversation at a restore, and what is told of it."""

from __future__ import annotations

import errno
import os
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gemini.records import answered, line, put_chat, said

from rouser import ActivityState, Conversation, Evidence, HookError, PromptState
from rouser_gemini import activity, conversations, prompts
from rouser_gemini.discovery import discover


def test_the_id_is_the_sessions_and_nothing_is_resumed_before_anything_was_said(home, make_session):
    session = make_session()
    found = conversations.find(session, home)
    assert (found.id, found.evidence) == (session.id, Evidence.PINNED)
    assert "starts under the same id" in found.reason
    assert not conversations.is_resumable(session, home)


def test_what_was_said_is_resumed(home, make_session):
    session = make_session()
    put_chat(home, session.workspace_path, session.id, "fix it", "go on")
    assert "record has 2 turns" in conversations.find(session, home).reason
    assert conversations.is_resumable(session, home)
    assert conversations.id_to_start(session, home) != session.id


def test_a_stub_beside_it_does_not_count(home, make_session):
    session = make_session()
    put_chat(home, session.workspace_path, session.id, "fix it")
    put_chat(home, session.workspace_path, session.id, time_part="2026-11-27T03-08", more="x" * 100_000)
    assert "record has 1 turn" in conversations.find(session, home).reason
    conversations.set_stubs_aside(session, home)
    assert len(list(home.glob("tmp/*/chats/*.jsonl"))) == 2


def test_a_stub_alone_is_moved_aside_and_only_at_a_start(home, make_session):
    session = make_session()
    path = put_chat(home, session.workspace_path, session.id)
    other = put_chat(home, session.workspace_path, str(uuid.uuid4()))
    assert "stub" in conversations.find(session, home).reason
    assert not conversations.is_resumable(session, home)
    assert path.exists()
    conversations.set_stubs_aside(session, home)
    assert not path.exists()
    assert other.exists()
    assert len(list(path.parent.glob("*.stub-*"))) == 1


@pytest.mark.parametrize("torn", ["", '{"sessi'])
def test_a_record_that_a_resume_began_anew_is_cut_back_to_what_was_said(home, make_session, torn):
    session = make_session()
    path = put_chat(home, session.workspace_path, session.id, "fix it")
    whole = path.read_bytes()
    path.unlink()
    anew = put_chat(home, session.workspace_path, session.id).read_bytes()
    path.write_bytes(whole + anew + anew + torn.encode())
    conversations.clear_the_way(session, home)
    assert path.read_bytes() == whole
    (aside,) = path.parent.glob("*.cut-*")
    assert aside.read_bytes() == anew + anew + torn.encode()


def test_a_record_that_cannot_be_cut_back_is_an_error_and_stays(home, make_session, monkeypatch):
    session = make_session()
    path = put_chat(home, session.workspace_path, session.id, "fix it")
    before = path.read_bytes() + path.read_bytes().split(b'{"id"')[0]
    path.write_bytes(before)

    def refuse(path, length):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(os, "truncate", refuse)
    with pytest.raises(HookError, match="make it writable"):
        conversations.clear_the_way(session, home)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "more",
    [
        "",
        line(**{"$set": {"messages": [{"type": "user"}, {"type": "user"}]}}),
        said("go on"),
        line(**{"$rewindTo": "u"}),
    ],
    ids=["not begun anew", "written again", "gone on", "gone back"],
)
def test_a_record_that_was_gone_on_in_stays_as_it_is(home, make_session, more):
    session = make_session()
    path = put_chat(home, session.workspace_path, session.id, "fix it")
    begun = put_chat(home, session.workspace_path, session.id, "", time_part="2026-11-27T03-08").read_bytes()
    path.write_bytes(path.read_bytes() + (begun + more.encode() if more else b""))
    before = path.read_bytes()
    conversations.clear_the_way(session, home)
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*.cut-*"))


def test_a_record_of_another_directory_is_not_resumed_here(home, make_session, tmp_path):
    session = make_session()
    path = put_chat(home, tmp_path / "elsewhere", session.id, "fix it")
    assert "another directory" in conversations.find(session, home).reason
    assert not conversations.is_resumable(session, home)
    assert conversations.id_to_start(session, home) == session.id
    conversations.set_stubs_aside(session, home)
    assert path.exists()


def test_a_conversation_with_the_same_beginning_of_its_id_is_another(home, make_session):
    session = make_session()
    put_chat(home, session.workspace_path, session.id[:8] + str(uuid.uuid4())[8:], "fix it")
    assert not conversations.is_resumable(session, home)


def test_an_id_that_is_none_of_the_clients_is_an_error(home, make_session):
    session = make_session(conversation=Conversation(id="latest", evidence=Evidence.PINNED))
    with pytest.raises(HookError, match="not one of Gemini CLI's"):
        conversations.find(session, home)


def test_what_was_said_before_is_no_evidence_for_now(home, make_session):
    session = make_session()
    path = put_chat(home, session.workspace_path, session.id, "go on")
    since = datetime.now(UTC) + timedelta(seconds=30)
    assert conversations.prompt_state(session, home, "go on", None) is PromptState.DURABLE
    assert conversations.prompt_state(session, home, "go", None) is PromptState.QUEUED
    assert conversations.prompt_state(session, home, "go on", since) is PromptState.QUEUED
    with path.open("a") as file:
        file.write(said("go on") + '{"torn')
    assert conversations.prompt_state(session, home, "go on", since) is PromptState.DURABLE


def test_what_the_client_adds_is_nothing_that_was_said(home, make_session):
    session = make_session()
    put_chat(home, session.workspace_path, session.id)
    text = "<session_context>\nThis is the Gemini CLI."
    assert conversations.prompt_state(session, home, text, None) is PromptState.QUEUED


def test_it_has_started_when_a_record_is_written_after_the_launch(home, make_session):
    session = make_session()
    path = put_chat(home, session.workspace_path, session.id, "fix it")
    assert not conversations.has_started(session, home)
    prompts.begin(session)
    os.utime(path, (1, 1))
    assert not conversations.has_started(session, home)
    launched = prompts.launched_at(session)
    os.utime(path, (launched, launched))
    assert conversations.has_started(session, home)


@pytest.mark.parametrize("words", [("--resume",), ("-r",), ("--model", "m", "--session-id")])
def test_the_process_that_was_started_for_it_holds_it(make_session, client, words):
    session = make_session()
    assert conversations.holder(session) is None
    pid = client(*words, session.id)
    assert conversations.holder(session) == f"process {pid}"


def test_a_process_that_only_mentions_the_id_does_not_hold_it(make_session, client):
    client("--model", make_session().id)
    client("--resume", str(uuid.uuid4()))
    assert conversations.holder(make_session()) is None


def test_the_sessions_own_client_behind_a_dead_terminal_is_ended_before_the_next_start(home, make_session, client):
    """Seen with 0.61.0: it lives on when the tmux server is killed."""
    session = make_session()
    own = client("--session-id", session.id, session_id=session.id)
    others = client("--resume", session.id, session_id=str(uuid.uuid4()))
    assert conversations.holder(session) == f"process {others}"
    conversations.clear_the_way(session, home)
    assert Path(f"/proc/{own}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    assert Path(f"/proc/{others}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize(
    ("more", "state"),
    [
        ("", ActivityState.READY),
        (said("more"), ActivityState.ACTIVE),
        (said("more") + answered({"name": "read_file"}), ActivityState.ACTIVE),
        (said("more") + answered() + '{"torn', ActivityState.READY),
        (said("more", offset=-60), ActivityState.READY),
    ],
    ids=["done", "asked", "tool", "torn", "cut off by a crash"],
)
def test_the_end_of_the_record_tells_what_it_does(home, make_session, client, more, state):
    session = make_session()
    put_chat(home, session.workspace_path, session.id, "fix it", more=more)
    client("--resume", session.id)
    assert activity.detect(session, home) is state


def test_a_client_that_is_gone_has_exited_and_one_that_is_being_started_has_not(home, make_session):
    session = make_session()
    put_chat(home, session.workspace_path, session.id, "fix it", more=said("more"))
    assert activity.detect(session, home) is None
    later = datetime.now(UTC) + timedelta(seconds=11)
    assert activity.detect(session, home, later) is ActivityState.EXITED
    assert activity.detect(session._replace(id=str(uuid.uuid4())), home, later) is None


def test_conversations_are_discovered_newest_first_and_stubs_are_not(home, make_session, client, tmp_path):
    old, new, stub = (str(uuid.uuid4()) for _ in range(3))
    os.utime(put_chat(home, tmp_path / "shop", old, "old  words\nhere"), (1_000_000_000, 1_000_000_000))
    put_chat(home, tmp_path / "other", new, "x" * 200)
    put_chat(home, tmp_path / "other", stub)
    pid = client("--resume", new)
    found = discover(home)
    assert [(item.id, item.directory, item.pid) for item in found] == [
        (new, tmp_path / "other", pid),
        (old, tmp_path / "shop", None),
    ]
    assert found[1].first_words == "old words here"
    assert len(found[0].first_words) == 120
    assert [item.id for item in discover(home, datetime.now(UTC) - timedelta(days=1))] == [new]
