"""What becomes of a session's conversation at a restore, and what is told of it."""

from __future__ import annotations

import os
import sqlite3
import uuid
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from opencode.records import id_of

from rouser import ActivityState, Conversation, Evidence, HookError, PromptState
from rouser_opencode import activity, conversations, prompts
from rouser_opencode.discovery import discover

LATER = 3600.0  # than any process of a test began


def test_the_id_is_made_of_the_sessions_and_nothing_is_resumed_before_anything_was_said(path, make_session):
    session = make_session()
    found = conversations.find(session, path)
    assert (found.id, found.evidence) == (id_of(session), Evidence.PINNED)
    assert "starts under the same id" in found.reason
    assert not conversations.is_resumable(session, path)
    assert not path.exists()


def test_what_was_said_is_resumed(path, kept, make_session):
    session = make_session()
    kept.converse(id_of(session), session.workspace_path, "fix it", "go on")
    assert "2 turns written down" in conversations.find(session, path).reason
    assert conversations.is_resumable(session, path)
    assert not conversations.is_elsewhere(session, path)
    assert conversations.id_to_start(session, path) != id_of(session)


def test_an_imported_one_in_which_nothing_was_said_is_started_again(path, kept, make_session):
    session = make_session()
    kept.make(id_of(session), session.workspace_path)
    assert not conversations.is_resumable(session, path)
    assert conversations.id_to_start(session, path) == id_of(session)


def test_one_of_another_directory_is_told(path, kept, make_session, tmp_path):
    session = make_session()
    kept.converse(id_of(session), tmp_path / "elsewhere", "fix it")
    assert conversations.is_elsewhere(session, path)
    assert "in another directory" in conversations.find(session, path).reason


def test_an_id_that_is_none_of_the_clients_is_an_error(path, make_session):
    session = make_session(conversation=Conversation(id="-latest", evidence=Evidence.PINNED))
    with pytest.raises(HookError, match="not one of opencode's"):
        conversations.find(session, path)


def test_a_database_that_cannot_be_read_is_an_error_and_not_taken_for_none(path, make_session):
    path.parent.mkdir(parents=True)
    path.write_text("these are notes" * 1000)
    with pytest.raises(HookError, match=r"cannot read .*opencode\.db"):
        conversations.is_resumable(make_session(), path)


def test_an_empty_file_is_a_database_that_the_client_is_about_to_fill_and_another_schema_an_error(path, make_session):
    path.parent.mkdir(parents=True)
    path.touch()
    assert not conversations.is_resumable(make_session(), path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE talk (id text)")
    with pytest.raises(HookError, match="no such table"):
        conversations.is_resumable(make_session(), path)


def test_what_was_said_before_is_no_evidence_for_now(path, kept, make_session):
    session = make_session()
    kept.converse(id_of(session), session.workspace_path, "go on")
    since = datetime.now(UTC) + timedelta(seconds=30)
    assert conversations.prompt_state(session, path, "go on", None) is PromptState.DURABLE
    assert conversations.prompt_state(session, path, "go", None) is PromptState.QUEUED
    assert conversations.prompt_state(session, path, "go on", since) is PromptState.QUEUED
    kept.say(id_of(session), "go on ", offset=60)
    assert conversations.prompt_state(session, path, "go on", since) is PromptState.DURABLE


def test_what_the_client_or_the_model_says_was_not_said(path, kept, make_session):
    session = make_session()
    kept.make(id_of(session), session.workspace_path)
    kept.say(id_of(session), "a reminder", synthetic=True)
    kept.answer(id_of(session))
    assert conversations.prompt_state(session, path, "a reminder", None) is PromptState.QUEUED
    assert conversations.prompt_state(session, path, "Understood.", None) is PromptState.QUEUED


def test_it_has_started_when_a_client_of_this_launch_has_the_database_open(path, kept, make_session, client):
    session = make_session()
    kept.make(id_of(session), session.workspace_path)
    assert conversations.has_started(session, path) is None
    client("--session", id_of(session))
    prompts.begin(session)
    assert conversations.has_started(session, path) is True
    launched = prompts.launched_at(session) + 60
    os.utime(prompts.directory_of(session) / "launched", (launched, launched))
    assert conversations.has_started(session, path) is False


def test_a_client_that_is_not_up_has_not_started_and_has_not_exited(path, kept, make_session, client):
    session = make_session()
    kept.converse(id_of(session), session.workspace_path, "fix it")
    prompts.begin(session)
    client("--session", id_of(session), is_up=False)
    assert conversations.has_started(session, path) is False
    assert activity.detect(session, path, datetime.now(UTC) + timedelta(seconds=60)) is None


@pytest.mark.parametrize("words", [("--session",), ("-s",), ("--model", "m", "--session")])
def test_the_process_that_was_started_for_it_holds_it(path, kept, make_session, client, words):
    session = make_session()
    kept.make(id_of(session), session.workspace_path)
    assert conversations.holder(session, path) is None
    pid = client(*words, id_of(session))
    assert conversations.holder(session, path) == f"process {pid}, started in {session.workspace_path}"


def test_a_process_of_another_conversation_does_not_hold_it(path, kept, make_session, client):
    session = make_session()
    kept.make(id_of(session), session.workspace_path, offset=LATER)
    client("--model", id_of(session))
    client("--session", "ses_other")
    assert conversations.holder(session, path) is None


def test_the_process_in_whose_directory_and_time_it_began_by_hand_holds_it(path, kept, make_session, client, tmp_path):
    (pid, ids) = (client(), ("ses_before", "ses_elsewhere", "ses_here"))
    kept.converse(ids[0], tmp_path / "shop", "x", offset=-60)
    kept.converse(ids[1], tmp_path / "other", "x", offset=LATER)
    kept.converse(ids[2], tmp_path / "shop", "x", offset=LATER)
    adopted = [make_session(conversation=Conversation(id=item, evidence=Evidence.PROCESS)) for item in ids]
    assert [conversations.holder(session, path) for session in adopted] == [
        None,
        None,
        f"process {pid}, started in {tmp_path / 'shop'}",
    ]


def test_the_sessions_own_client_that_lost_its_terminal_is_ended_before_the_next_start(
    path, kept, make_session, client
):
    session = make_session()
    kept.make(id_of(session), session.workspace_path)
    own = client("--session", id_of(session), session_id=session.id)
    others = client("--session", id_of(session), session_id=str(uuid.uuid4()))
    assert str(others) in conversations.holder(session, path)
    conversations.clear_the_way(session, path)
    assert Path(f"/proc/{own}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    assert Path(f"/proc/{others}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


ERROR = {"time": {}, "error": {"name": "APIError"}}
ABORTED = {"time": {}, "error": {"name": "MessageAbortedError"}}


@pytest.mark.parametrize(
    ("more", "state"),
    [
        ({}, ActivityState.READY),
        ({"time": {}}, ActivityState.ACTIVE),
        ({"finish": "tool-calls"}, ActivityState.ACTIVE),
        (ERROR, ActivityState.BLOCKED),
        (ABORTED, ActivityState.READY),
        ({"time": {}, "offset": -60}, ActivityState.READY),
    ],
    ids=["done", "answering", "tool", "error", "stopped by hand", "cut off by a crash"],
)
def test_the_last_answer_tells_what_it_does(path, kept, make_session, client, more, state):
    session = make_session()
    kept.make(id_of(session), session.workspace_path)
    kept.answer(id_of(session), **{"offset": LATER, **more})
    client("--session", id_of(session))
    assert activity.detect(session, path) is state


def test_what_was_just_said_makes_it_active_and_silence_idle(path, kept, make_session, client):
    session = make_session()
    client("--session", id_of(session))
    assert activity.detect(session, path) is None
    kept.make(id_of(session), session.workspace_path)
    assert activity.detect(session, path) is ActivityState.READY
    kept.say(id_of(session), "fix it", offset=LATER)
    assert activity.detect(session, path) is ActivityState.ACTIVE
    kept.answer(id_of(session), offset=LATER)
    assert activity.detect(session, path) is ActivityState.READY
    assert activity.detect(session, path, datetime.now(UTC) + timedelta(minutes=6)) is ActivityState.IDLE


def test_what_was_just_said_keeps_it_from_being_ready_though_the_screen_does_not_show_it_yet(path, kept, make_session):
    session = make_session()
    kept.converse(id_of(session), session.workspace_path, "fix it")
    assert not activity.is_taking_in(session, path)
    kept.say(id_of(session), "go on")
    assert activity.is_taking_in(session, path)
    assert not activity.is_taking_in(session, path, datetime.now(UTC) + timedelta(seconds=21))


def test_a_client_that_is_gone_has_exited_and_one_that_is_being_started_has_not(path, kept, make_session):
    session = make_session()
    kept.converse(id_of(session), session.workspace_path, "fix it")
    assert activity.detect(session, path) is None
    later = datetime.now(UTC) + timedelta(seconds=11)
    assert activity.detect(session, path, later) is ActivityState.EXITED
    assert activity.detect(session._replace(id=str(uuid.uuid4())), path, later) is None


def test_conversations_are_discovered_newest_first_and_empty_ones_and_sub_agents_are_not(path, kept, client, tmp_path):
    (tmp_path / "shop").mkdir()
    kept.converse("ses_old", tmp_path / "shop", "old  words\nhere", offset=-864_000)
    kept.make("ses_empty", tmp_path / "shop", offset=20)
    kept.make("ses_child", tmp_path / "shop", parent="ses_old", offset=30)
    kept.say("ses_child", "look it up")
    pid = client()
    kept.converse("ses_new", tmp_path / "shop", "x" * 200, offset=LATER)
    found = discover(path)
    assert [(item.id, item.directory, item.pid) for item in found] == [
        ("ses_new", tmp_path / "shop", pid),
        ("ses_old", tmp_path / "shop", None),
    ]
    assert found[1].first_words == "old words here"
    assert len(found[0].first_words) == 120
    assert [item.id for item in discover(path, datetime.now(UTC) - timedelta(days=1))] == ["ses_new"]
