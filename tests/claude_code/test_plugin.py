"""The hooks together: what a host gets at spawn, at a restore, and from the doctor."""

import json
import os
import stat
import subprocess
import sys

import pytest

from rouser import ActivityState, HookError, PromptState
from rouser_claude_code import evidence
from rouser_claude_code.plugin import ClaudeCodeAgent

CONFIG = {
    "model": "opus",
    "permission_mode": "acceptEdits",
    "arguments": ["--verbose", "--model", "sonnet"],
}
ID = "5b1e7a34-5a0c-4c52-9f0e-0d6f0a6f3c11"
OPTIONS = ["--model", "opus", "--permission-mode", "acceptEdits", "--verbose", "--model", "sonnet"]


@pytest.fixture
def agent():
    return ClaudeCodeAgent()


@pytest.fixture
def script(tmp_path):
    """Return a function that writes a stand-in for the client's executable."""

    def write(text):
        path = tmp_path / "claude-stand-in"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return str(path)

    return write


def test_a_spawn_starts_under_the_sessions_own_id(agent, make_session):
    session = make_session(CONFIG)
    hooks = ["--settings", str(evidence.settings_file(session))]
    assert agent.agent_find_conversation(session).id == session.id
    assert agent.agent_launch_command(session) == ["claude", "--session-id", session.id, *hooks, *OPTIONS]
    assert agent.agent_initial_prompt(session) == "fix the flaky test"
    assert agent.agent_prompt_arguments(session, "fix the flaky test") == ["--", "fix the flaky test"]


def test_a_restore_resumes_the_same_id_with_the_same_options(agent, make_session, put_transcript):
    put_transcript("finished")
    session = make_session(CONFIG)
    hooks = ["--settings", str(evidence.settings_file(session))]
    assert agent.agent_restore_command(session) == ["claude", "--resume", session.id, *hooks, *OPTIONS]
    assert agent.agent_prompt_state(session, "RUNENV first prompt", None) is PromptState.DURABLE
    assert agent.agent_prompt_state(session, "another", None) is PromptState.QUEUED


def test_a_session_that_was_never_prompted_is_started_afresh(agent, make_session):
    session = make_session()
    assert agent.agent_restore_command(session) is None
    assert agent.agent_prompt_state(session, "x", None) is PromptState.QUEUED


def test_a_start_writes_the_settings_that_its_command_names_and_moves_a_stub_aside(agent, make_session, put_transcript):
    stub = put_transcript("stub")
    session = make_session()
    agent.agent_starting(session, "x" * 200_000)
    assert not stub.exists()
    path = evidence.settings_file(session)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    settings = json.loads(path.read_text())
    assert set(settings["hooks"]) == {"SessionStart", "UserPromptSubmit", "SessionEnd"}
    assert len(list((path.parent / "prompts").iterdir())) == 1
    agent.session_removed(session)
    assert not path.parent.exists()


def test_the_hook_writes_what_it_is_told_and_says_nothing(agent, make_session):
    session = make_session()
    agent.agent_starting(session, "")
    assert agent.agent_has_started(session) is False
    (group,) = json.loads(evidence.settings_file(session).read_text())["hooks"]["SessionStart"]
    command = group["hooks"][0]["command"]
    told = json.dumps({"session_id": session.id, "source": "startup"})

    def run(session_id: str) -> None:
        variables = {**os.environ, "ROUSER_SESSION_ID": session_id}
        done = subprocess.run(
            ["sh", "-c", command], input=told, env=variables, capture_output=True, text=True, timeout=30, check=True
        )
        assert (done.stdout, done.stderr) == ("", "")

    run("")
    run("another")
    assert agent.agent_has_started(session) is False
    run(session.id)
    (path,) = evidence.directory_of(session).glob("start-*")
    assert path.read_text() == told
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert agent.agent_has_started(session) is True
    agent.session_removed(session)
    run(session.id)


def test_an_earlier_start_is_not_the_start_of_this_launch(agent, make_session, report):
    report("start", ID, at=-5)
    assert agent.agent_has_started(make_session()) is False


def test_the_users_own_settings_argument_is_merged_with_the_hooks(agent, make_session, tmp_path):
    own = {"model": "opus", "hooks": {"SessionStart": [{"hooks": []}], "Stop": [1]}, "permissions": {"allow": ["Edit"]}}
    (tmp_path / "own.json").write_text(json.dumps(own))
    for arguments in (
        ["--settings", json.dumps(own)],
        ["--settings=own.json"],
        ["--settings", str(tmp_path / "own.json")],
    ):
        session = make_session({"arguments": [*arguments, "--verbose"]}, workspace_path=tmp_path)
        agent.agent_starting(session, "")
        merged = json.loads(evidence.settings_file(session).read_text())
        assert merged["model"] == "opus"
        assert merged["hooks"]["Stop"] == [1]
        assert len(merged["hooks"]["SessionStart"]) == 2
        assert merged["permissions"]["allow"][0] == "Edit"
        argv = agent.agent_launch_command(session)
        assert argv.count("--settings") == 1
        assert argv[-1] == "--verbose"


@pytest.mark.parametrize("value", ["{", "[]", "{1}", "no-such-file.json"])
def test_a_settings_argument_that_cannot_be_read_is_refused_at_spawn(agent, make_session, value):
    with pytest.raises(HookError, match="--settings"):
        agent.agent_prepare(make_session({"executable": sys.executable, "arguments": ["--settings", value]}))


def test_nothing_is_changed_by_asking(agent, make_session, put_transcript, home):
    path = put_transcript("stub")
    session = make_session()
    before = {entry: entry.stat().st_mtime_ns for entry in home.parent.rglob("*")}
    agent.agent_find_conversation(session)
    agent.agent_restore_command(session)
    agent.agent_launch_command(session)
    agent.agent_environment(session)
    agent.agent_detect_activity(session)
    agent.agent_prompt_arguments(session, "x")
    assert path in before
    assert {entry: entry.stat().st_mtime_ns for entry in home.parent.rglob("*")} == before


def test_a_transcript_that_cannot_be_read_leaves_the_prompts_fate_untold(agent, make_session, home):
    home.mkdir()
    (home / "projects").write_text("")
    assert agent.agent_prompt_state(make_session(), "x", None) is None


def test_the_environment_cuts_the_ties_to_an_outer_client(agent, make_session):
    environment = agent.agent_environment(make_session())
    removed = {"CLAUDECODE", "CLAUDE_CODE_CHILD_SESSION", "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_SSE_PORT"}
    assert all(environment[name] is None for name in removed)
    assert environment["CLAUDE_CODE_FORCE_SESSION_PERSISTENCE"] == "1"
    assert "CLAUDE_CONFIG_DIR" not in environment


def test_a_configured_directory_is_where_the_client_and_the_plugin_look(
    agent, make_session, put_transcript, home, monkeypatch
):
    put_transcript("finished")
    monkeypatch.delenv("CLAUDE_CONFIG_DIR")
    session = make_session({"config_dir": str(home)})
    assert agent.agent_environment(session)["CLAUDE_CONFIG_DIR"] == str(home)
    assert agent.agent_restore_command(session) is not None


def test_scratch_settings_keep_away_from_the_users_own_data(agent, make_session, tmp_path):
    settings = agent.plugin_scratch_settings(tmp_path)
    agent.plugin_configure(settings)
    assert agent.agent_environment(make_session(settings))["CLAUDE_CONFIG_DIR"] == str(tmp_path / "claude")


def test_activity_comes_from_the_sessions_conversation(agent, make_session, put_transcript):
    put_transcript("question")
    assert agent.agent_detect_activity(make_session()) is ActivityState.WAITING_INPUT


def test_a_session_remembers_where_its_client_keeps_things_also_when_that_is_the_default(
    agent, make_session, put_transcript, home, monkeypatch
):
    put_transcript("finished")
    assert agent.agent_prepare(make_session({"executable": sys.executable})) == {"config_dir": str(home)}
    monkeypatch.delenv("CLAUDE_CONFIG_DIR")
    kept = agent.agent_prepare(make_session({"executable": sys.executable}))
    assert kept == {"config_dir": "default"}
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(home))
    session = make_session(kept)
    assert agent.agent_environment(session)["CLAUDE_CONFIG_DIR"] is None
    assert agent.agent_restore_command(session) is None
    assert agent.agent_prepare(make_session({"executable": sys.executable, **kept})) == {}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"executable": "no-such-client-anywhere"}, "there is no program 'no-such-client-anywhere'"),
        ({"executable": sys.executable, "permission_mode": "yolo"}, "permission_mode is 'yolo'"),
        ({"executable": sys.executable, "arguments": ["--continue"]}, "rouser decides what is resumed"),
    ],
)
def test_validate_refuses_what_cannot_be_run(agent, make_session, config, words):
    with pytest.raises(HookError, match=words):
        agent.agent_prepare(make_session(config))


def test_doctor_tells_the_version_and_the_directory(agent, script):
    agent.plugin_configure({"executable": script("echo '2.1.330 (Claude Code)'")})
    client, data = agent.plugin_diagnose()
    assert (client.ok, data.ok) == (True, True)
    assert client.message.endswith("version 2.1.330 (Claude Code)")


def test_doctor_tells_that_there_is_no_client(agent):
    agent.plugin_configure({"executable": "no-such-client-anywhere"})
    client = agent.plugin_diagnose()[0]
    assert not client.ok
    assert client.remedy


def test_importing_the_plugin_starts_nothing_heavy():
    code = "import sys, rouser_claude_code.plugin; print({'subprocess', 'asyncio'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=30)
    assert run.stdout == "set()\n"
