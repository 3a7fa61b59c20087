"""Commands, settings, prompts and discovery of the Codex plugin."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from codex.records import put_rollout

from rouser import Conversation, Evidence, HookError
from rouser_codex import prompts
from rouser_codex.discovery import discover
from rouser_codex.plugin import CodexAgent
from rouser_codex.settings import parse


@pytest.fixture
def agent():
    return CodexAgent()


def test_the_commands_begin_and_resume_in_the_workspace_without_the_server(home, make_session, agent):
    session = make_session(agent_config={"model": "m", "arguments": ["--sandbox", "read-only"]})
    place = str(session.workspace_path)
    options = ["--no-daemon", "--config", "check_for_update_on_startup=false", "--cd", place]
    assert agent.agent_launch_command(session) == ["codex", *options, "--model", "m", "--sandbox", "read-only"]
    thread = put_rollout(home, session.workspace_path, "fix it")
    session = session._replace(conversation=Conversation(id=thread, evidence=Evidence.PROCESS))
    resumed = ["codex", "resume", thread, *options, "--model", "m", "--sandbox", "read-only"]
    assert agent.agent_restore_command(session) == resumed


@pytest.mark.parametrize(
    "arguments",
    [["resume"], ["--last"], ["-C", "/tmp"], ["-C/tmp"], ["--cd=/tmp"], ["--remote", "x"], ["--"], ["-s", "a\0b"]],
)
def test_arguments_that_decide_which_conversation_runs_or_where_are_refused(arguments):
    with pytest.raises(HookError, match=r"cannot be used|NUL"):
        parse({"arguments": arguments})


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"modle": "x"}, "unknown"),
        ({"model": 1}, "string"),
        ({"config_dir": "x"}, "absolute"),
        ({"arguments": "'"}, "split"),
    ],
)
def test_unusable_settings_are_refused(table, words):
    with pytest.raises(HookError, match=words):
        parse(table)


def test_the_clients_directory_is_remembered_and_given_back(home, make_session, agent, monkeypatch):
    monkeypatch.setenv("CODEX_THREAD_ID", "outer")
    session = make_session(agent_config={"executable": "sh"})
    kept = agent.agent_prepare(session)
    assert kept == {"config_dir": str(home)}
    session = make_session(agent_config={"executable": "sh", **kept})
    assert agent.agent_environment(session)["CODEX_HOME"] == str(home)
    assert agent.agent_environment(session)["CODEX_THREAD_ID"] is None


@pytest.mark.parametrize("text", ["!rm x", " !rm x"])
def test_what_would_start_a_shell_stays_text(make_session, text):
    (_, carried) = prompts.arguments(make_session(), text)
    assert not carried.lstrip().startswith("!")
    assert carried.endswith(text)
    assert prompts.is_sent_as(make_session(), text, carried)
    assert not prompts.typed(make_session(), text).lstrip().startswith("!")


def test_typed_commands_and_completions_stay_text(make_session):
    session = make_session()
    assert prompts.typed(session, "/new").endswith("\n\n/new")
    assert prompts.arguments(session, "/new") == ["--", "/new"]
    assert prompts.typed(session, "see @README") == "see @README "
    assert prompts.is_sent_as(session, "see @README", "see @README")


@pytest.mark.parametrize("text", ["a\tb", "red \x1b[31m", "x" * 20_001])
def test_what_cannot_be_typed_goes_by_a_private_file(make_session, text):
    typed = prompts.typed(make_session(), text)
    path = Path(typed.rpartition(" ")[2])
    assert path.read_text() == text
    assert path.stat().st_mode & 0o777 == 0o600
    assert prompts.is_sent_as(make_session(), text, typed)
    assert not prompts.is_sent_as(make_session(), f"{text}!", typed)


def test_the_files_go_with_the_session(make_session, agent):
    path = Path(prompts.typed(make_session(), "a\tb").rpartition(" ")[2])
    agent.session_removed(make_session(agent="other"))
    assert path.exists()
    agent.session_removed(make_session())
    assert not path.exists()


def test_conversations_of_persons_are_discovered_newest_first(home, make_session, client):
    place = make_session().workspace_path
    old = put_rollout(home, place, "old  words\nhere")
    os.utime(next(home.glob(f"sessions/*/*/*/*{old}.jsonl")), (1_000_000_000, 1_000_000_000))
    new = put_rollout(home, place, "x" * 200)
    put_rollout(home, place, "a script's", source="exec")
    pid = client("", new)
    found = discover(home)
    assert [item.id for item in found] == [new, old]
    assert (found[0].pid, found[1].pid) == (pid, None)
    assert (found[1].first_words, found[1].branch, found[1].directory) == ("old words here", "rouser/x", place)
    assert len(found[0].first_words) == 120
    assert [item.id for item in discover(home, found[0].last_activity)] == [new]


def test_a_conversation_in_which_nothing_was_said_is_discovered_while_it_is_open(home, client, tmp_path):
    pid = client("", "5b1e7a34-5a0c-4c52-9f0e-0d6f0a6f3c12")
    (found,) = discover(home)
    assert (found.pid, found.directory) == (pid, tmp_path)
