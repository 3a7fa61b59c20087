"""Conversations are found from the client's transcripts and its register, with little read of each."""

import json
import os
import subprocess
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rouser import DiscoveredConversation, HookError
from rouser_claude_code import discovery
from rouser_claude_code.discovery import discover
from rouser_claude_code.plugin import ClaudeCodeAgent
from rouser_claude_code.register import start_time

Put = Callable[..., Path]
ID = "5b1e7a34-5a0c-4c52-9f0e-0d6f0a6f3c11"


def line(kind: str = "user", text: str = "hello", **fields: Any) -> bytes:
    """Return a record as the client writes it."""
    record = {
        "isSidechain": False,
        "type": kind,
        "message": {"role": kind, "content": text},
        "timestamp": "2026-03-01T10:00:00.000Z",
        "cwd": "/home/dev/shop",
        "gitBranch": "main",
    }
    return json.dumps(record | fields, separators=(",", ":")).encode() + b"\n"


def register(home: Path, pid: int, conversation_id: str, **fields: Any) -> None:
    entry = {"pid": pid, "sessionId": conversation_id, "procStart": start_time(pid), "cwd": "/srv"}
    entry |= {"status": "idle", "statusUpdatedAt": 1000}
    (home / "sessions").mkdir(parents=True, exist_ok=True)
    (home / "sessions" / f"{pid}.json").write_text(json.dumps(entry | fields))


def only(home: Path) -> DiscoveredConversation:
    (found,) = discover(home)
    return found


def test_a_real_transcript_tells_everything(home: Path, put_transcript: Put) -> None:
    put_transcript("finished")
    assert only(home) == DiscoveredConversation(
        id=ID,
        directory=Path("/home/dev/shop"),
        branch="master",
        last_activity=datetime(2026, 11, 22, 19, 26, 31, 389000, tzinfo=UTC),
        first_words="RUNENV first prompt",
    )


@pytest.mark.parametrize(("sample", "words"), [("interrupted", "HANG on"), ("question", "ASKME")])
def test_the_first_words_are_a_persons(home: Path, put_transcript: Put, sample: str, words: str) -> None:
    put_transcript(sample)
    assert only(home).first_words == words


@pytest.mark.parametrize("sample", ["stub", "cleared", "unknown_command"])
def test_what_holds_no_prompt_is_nothing_to_go_on_with(home: Path, put_transcript: Put, sample: str) -> None:
    put_transcript(sample)
    assert discover(home) == []


def test_commands_and_side_chains_are_passed_over_for_the_first_words(home: Path, put_transcript: Put) -> None:
    put_transcript(
        line(text="<command-name>/model</command-name>")
        + line(text="side", isSidechain=True)
        + line(text="meta", isMeta=True)
        + line(text="the\n task\titself")
    )
    assert only(home).first_words == "the task itself"


def test_long_words_are_cut(home: Path, put_transcript: Put) -> None:
    put_transcript(line(text="word " * 100_000))
    assert only(home).first_words == ("word " * 24)[:119] + "…"


def test_the_directory_is_the_first_and_branch_and_time_are_the_last(home: Path, put_transcript: Put) -> None:
    moved = line("assistant", cwd="/elsewhere", gitBranch="feature", timestamp="2026-03-02T10:00:00.000Z")
    put_transcript(line() + moved + b'{"type":"summary"}\n')
    found = only(home)
    assert (found.directory, found.branch) == (Path("/home/dev/shop"), "feature")
    assert found.last_activity == datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize("branch", ["", "HEAD"])
def test_no_branch_is_none(home: Path, put_transcript: Put, branch: str) -> None:
    put_transcript(line(gitBranch=branch))
    assert only(home).branch is None


def test_a_torn_last_line_does_not_matter(home: Path, put_transcript: Put) -> None:
    put_transcript(line() + line(gitBranch="feature") + line(gitBranch="torn")[:-20])
    assert only(home).branch == "feature"


def test_of_a_huge_transcript_only_the_ends_are_read(
    home: Path, put_transcript: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_transcript(line(text="<command-name>/x</command-name>") * 2000 + line(gitBranch="feature"))
    monkeypatch.setattr(discovery, "_HEAD", 4096)
    found = only(home)
    assert (found.first_words, found.branch) == ("", "feature")


def test_newest_first_and_the_old_ones_are_not_even_opened(home: Path, put_transcript: Put) -> None:
    now = time.time()
    paths = []
    for days in (3, 1, 2):
        moment = datetime.fromtimestamp(now - days * 86400, UTC).isoformat()
        path = put_transcript(line(text=str(days), timestamp=moment), str(uuid.uuid4()), f"-d{days}")
        os.utime(path, (now - days * 86400,) * 2)
        paths.append(path)
    assert [item.first_words for item in discover(home)] == ["1", "2", "3"]
    paths[0].write_bytes(b"not a transcript any more")
    os.utime(paths[0], (now - 3 * 86400,) * 2)
    since = datetime.now(UTC) - timedelta(days=2, hours=12)
    assert [item.first_words for item in discover(home, since)] == ["1", "2"]


def test_other_files_are_no_conversations(home: Path, put_transcript: Put) -> None:
    put_transcript(line(), "agent-1a2b3c4d")
    put_transcript(line(), ID.upper())
    (home / "projects" / "file").write_text("x")
    (home / "projects" / "-home-dev-shop" / f"{ID}.jsonl").symlink_to("nowhere")
    assert discover(home) == []


def test_of_two_files_with_one_id_the_larger_counts(home: Path, put_transcript: Put) -> None:
    put_transcript(line(text="one") + line("assistant"), directory="-a")
    put_transcript(line(text="stub"), directory="-b")
    assert only(home).first_words == "one"


def test_a_live_process_is_named_even_if_the_transcript_is_old_or_missing(home: Path, put_transcript: Put) -> None:
    process = subprocess.Popen(["sleep", "60"])
    try:
        os.utime(put_transcript(line()), (0, 0))
        register(home, process.pid, ID)
        (found,) = discover(home, datetime.now(UTC))
        assert (found.pid, found.directory) == (process.pid, Path("/home/dev/shop"))
        other = str(uuid.uuid4())
        register(home, process.pid, other)
        (found,) = discover(home, datetime.now(UTC))
        assert (found.id, found.pid, found.directory, found.first_words) == (other, process.pid, Path("/srv"), "")
    finally:
        process.kill()
        process.wait()
    assert [item.pid for item in discover(home)] == [None]


def test_an_entry_of_a_process_that_merely_has_the_pid_now_does_not_count(home: Path, put_transcript: Put) -> None:
    put_transcript(line())
    register(home, os.getpid(), ID, procStart="1")
    assert only(home).pid is None


def test_a_process_that_nobody_has_taken_note_of_since_its_end_is_dead(home: Path, put_transcript: Put) -> None:
    put_transcript(line())
    process = subprocess.Popen(["true"])
    try:
        register(home, process.pid, ID)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert only(home).pid is None
    finally:
        process.wait()


@pytest.mark.parametrize("content", ["", "[]", "{", '{"pid": "x"}', '{"pid": 1, "sessionId": 2, "procStart": "3"}'])
def test_entries_that_make_no_sense_are_passed_over(home: Path, put_transcript: Put, content: str) -> None:
    put_transcript(line())
    (home / "sessions").mkdir()
    (home / "sessions" / "1.json").write_text(content)
    assert only(home).pid is None


def test_nothing_there_is_no_error_and_something_else_there_is(home: Path) -> None:
    assert discover(home) == []
    home.mkdir()
    (home / "projects").write_text("x")
    with pytest.raises(HookError, match="cannot read"):
        discover(home)


def test_running_out_of_time_is_said_not_hidden(
    home: Path, put_transcript: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_transcript(line())
    monkeypatch.setattr(discovery, "time_left", lambda: 0.01)
    with pytest.raises(HookError, match="0 of 1 transcripts"):
        discover(home)


def test_the_plugin_looks_into_the_configured_directory(home: Path, put_transcript: Put) -> None:
    put_transcript("finished")
    agent = ClaudeCodeAgent()
    assert [item.id for item in agent.agent_discover(None)] == [ID]
    agent.plugin_configure({"config_dir": str(home / "other")})
    assert agent.agent_discover(None) == []
