"""What the client is doing, by its register of live processes and by its transcripts."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from rouser import ActivityState
from rouser_claude_code import activity, evidence, register

ID = "5b1e7a34-5a0c-4c52-9f0e-0d6f0a6f3c11"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def put(put_transcript):
    """Return a function that puts a transcript which was last written to some time ago."""

    def put_aged(content, silence=timedelta(seconds=2)):
        path = put_transcript(content)
        stamp = (NOW - silence).timestamp()
        os.utime(path, (stamp, stamp))
        return path

    return put_aged


@pytest.fixture
def detect(home, make_session):
    """Return a function that asks what the client of the session is doing."""
    return lambda: activity.detect(make_session(), home, NOW)


@pytest.fixture
def enter(home):
    """Return a function that registers a process, by default this one, as the client registers itself."""

    def enter_process(status, *, pid=None, started=None, silence=timedelta(seconds=2)):
        pid = pid or os.getpid()
        entry = {
            "pid": pid,
            "sessionId": ID,
            "cwd": "/home/dev/shop",
            "procStart": started or register.start_time(pid),
            "status": status,
            "statusUpdatedAt": int((NOW - silence).timestamp() * 1000),
        }
        path = home / "sessions" / f"{pid}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(entry))
        return path

    return enter_process


def lines(*records):
    return b"".join(json.dumps(record, separators=(",", ":")).encode() + b"\n" for record in records)


def tool_use(name):
    content = [{"type": "tool_use", "id": "1", "name": name, "input": {}}]
    return {"type": "assistant", "message": {"content": content, "stop_reason": "tool_use"}}


@pytest.mark.parametrize(
    ("sample", "state"),
    [
        ("finished", ActivityState.READY),
        ("interrupted", ActivityState.READY),
        ("compacted", ActivityState.READY),
        ("cleared", ActivityState.READY),
        ("unknown_command", ActivityState.READY),
        ("question", ActivityState.WAITING_INPUT),
        ("api_error", ActivityState.BLOCKED),
        ("stub", None),
    ],
)
def test_the_end_of_a_transcript_tells_the_activity(home, put, sample, state, detect):
    put(sample)
    assert detect() is state


def test_a_finished_turn_is_idle_after_a_while(home, put, detect):
    put("finished", activity.IDLE_AFTER)
    assert detect() is ActivityState.IDLE


@pytest.mark.parametrize(
    "last",
    [
        {"type": "user", "message": {"content": "do it"}},
        {"type": "user", "message": {"content": [{"type": "tool_result", "content": "<command-name>"}]}},
        {"type": "user", "isCompactSummary": True, "message": {"content": "This session is being continued"}},
        {"type": "assistant", "message": {"content": [], "stop_reason": None}},
        {"type": "system", "subtype": "api_error"},
        tool_use("Bash"),
    ],
)
def test_a_turn_that_goes_on_is_active_and_after_a_long_silence_it_cannot_be_told(home, put, last, detect):
    put(lines(last, {"type": "mode"}))
    assert detect() is ActivityState.ACTIVE
    put(lines(last, {"type": "mode"}), activity.BUSY_FOR)
    assert detect() is None


def test_a_plan_to_be_approved_waits_for_input_however_long(home, put, detect):
    put(lines(tool_use("ExitPlanMode")), timedelta(days=2))
    assert detect() is ActivityState.WAITING_INPUT


def test_what_a_side_conversation_does_is_not_the_end_of_the_turn(home, put, detect):
    side = {"type": "assistant", "isSidechain": True, "message": {"content": [], "stop_reason": "end_turn"}}
    put(lines(tool_use("Task"), side))
    assert detect() is ActivityState.ACTIVE


def test_a_torn_last_line_is_passed_over(home, put, detect):
    put(lines(tool_use("Bash")) + b'{"type":"assistant","isApiErr')
    assert detect() is ActivityState.ACTIVE


def test_the_end_is_found_behind_metadata_that_is_longer_than_the_first_look(home, put, detect):
    put(lines(tool_use("Bash"), {"type": "attachment", "rendered": "x" * 300_000}))
    assert detect() is ActivityState.ACTIVE


def test_without_transcript_and_process_nothing_can_be_told(home, detect):
    assert detect() is None


@pytest.mark.parametrize(
    ("status", "state"),
    [("idle", ActivityState.READY), ("busy", ActivityState.ACTIVE), ("waiting", ActivityState.WAITING_INPUT)],
)
def test_a_live_process_knows_better_than_its_transcript(home, put, enter, status, state, detect):
    put(lines(tool_use("Bash")), timedelta(hours=1))
    enter(status)
    assert detect() is state


def test_an_idle_process_is_idle_after_a_while(home, enter, detect):
    enter("idle", silence=activity.IDLE_AFTER)
    assert detect() is ActivityState.IDLE


def test_an_idle_process_that_stopped_at_an_error_is_blocked(home, put, enter, detect):
    put("api_error")
    enter("idle")
    assert detect() is ActivityState.BLOCKED


def test_a_status_of_a_later_client_leaves_the_word_to_the_transcript(home, put, enter, detect):
    put("question")
    enter("pondering")
    assert detect() is ActivityState.WAITING_INPUT


def test_a_client_that_was_killed_has_exited(home, put, enter, detect):
    put("finished")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        enter("busy", pid=process.pid)
        assert detect() is ActivityState.ACTIVE
        process.kill()
    assert detect() is ActivityState.EXITED


def test_an_entry_from_before_the_last_launch_tells_nothing_of_its_client(home, put, enter, detect, make_session):
    put("finished")
    enter("busy", started="1")
    evidence.begin(make_session(), {})
    assert detect() is ActivityState.READY


def test_another_process_with_the_pid_of_a_client_is_not_that_client(home, put, enter, detect):
    put("finished")
    enter("busy", started="1")
    assert detect() is ActivityState.EXITED


def test_a_client_that_said_goodbye_has_exited_until_it_is_started_again(put, detect, report):
    put("finished")
    report("start", ID, at=1)
    report("end", ID, at=2, reason="prompt_input_exit")
    assert detect() is ActivityState.EXITED
    report("start", ID, at=3)
    assert detect() is ActivityState.READY


def test_the_end_of_a_cleared_conversation_is_not_the_end_of_its_client(put, detect, report):
    put("finished")
    report("start", ID, at=1)
    report("end", ID, at=2, reason="clear")
    assert detect() is ActivityState.READY


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"sessionId":"%s","pid":"x"}' % ID.encode(), b"\xff"])
def test_a_damaged_entry_is_passed_over(home, put, enter, content, detect):
    put("finished")
    enter("busy").write_bytes(content)
    assert detect() is ActivityState.READY
