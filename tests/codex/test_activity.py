"""What the client is doing, by its process and the end of its record."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest
from codex.records import answered, called, completed, put_rollout, started

from rouser import ActivityState, Conversation, Evidence
from rouser_codex.activity import detect

ESCALATED = called("exec_command", cmd="make", sandbox_permissions="require_escalated")


@pytest.mark.parametrize(
    ("more", "state"),
    [
        ("", ActivityState.READY),
        (started(), ActivityState.ACTIVE),
        (started() + called("exec_command", cmd="make"), ActivityState.ACTIVE),
        (started() + ESCALATED, ActivityState.WAITING_INPUT),
        (started() + ESCALATED + answered(), ActivityState.ACTIVE),
        (started() + called("request_user_input", questions=[]), ActivityState.WAITING_INPUT),
        (started() + completed(error="no"), ActivityState.BLOCKED),
        (started() + completed() + '{"torn', ActivityState.READY),
        (started(offset=-60), ActivityState.READY),
    ],
    ids=["done", "begun", "tool", "asks", "answered", "question", "error", "torn", "cut off by a crash"],
)
def test_the_end_of_the_record_tells(home, make_session, client, more, state):
    session = make_session()
    thread = put_rollout(home, session.workspace_path, "fix it", more=more)
    client(session.id, thread)
    assert detect(session, home) is state


def test_a_command_that_was_allowed_and_runs_is_no_question(home, make_session, client):
    session = make_session()
    thread = put_rollout(home, session.workspace_path, "fix it", more=started() + ESCALATED)
    client(session.id, thread, child=True)
    assert detect(session, home) is ActivityState.ACTIVE


def test_a_client_that_was_given_nothing_is_ready(home, make_session, client):
    client(make_session().id, "5b1e7a34-5a0c-4c52-9f0e-0d6f0a6f3c12")
    assert detect(make_session(), home) is ActivityState.READY


def test_silence_makes_idle(home, make_session, client):
    session = make_session()
    thread = put_rollout(home, session.workspace_path, "fix it")
    client(session.id, thread)
    (path,) = home.glob("sessions/*/*/*/*.jsonl")
    os.utime(path, (0, 0))
    assert detect(session, home) is ActivityState.IDLE


def test_a_client_that_is_gone_has_exited_and_one_that_is_being_started_has_not(home, make_session):
    session = make_session()
    thread = put_rollout(home, session.workspace_path, "fix it", more=started())
    session = session._replace(conversation=Conversation(id=thread, evidence=Evidence.PROCESS))
    assert detect(session, home) is None
    assert detect(session, home, datetime.now(UTC) + timedelta(seconds=11)) is ActivityState.EXITED


def test_the_beginning_of_a_long_turn_is_found(home, make_session, client):
    session = make_session()
    thread = put_rollout(home, session.workspace_path, "fix it", more=started() + called("x", y="z" * 100) * 2000)
    client(session.id, thread)
    assert detect(session, home) is ActivityState.ACTIVE
