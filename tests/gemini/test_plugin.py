"""Commands, settings, prompts and screens of the Gemini CLI plugin."""

from __future__ import annotations

from pathlib import Path

import pytest
from gemini.records import put_chat

from rouser import Conversation, Evidence, HookError
from rouser_gemini import prompts, screen
from rouser_gemini.plugin import GeminiAgent
from rouser_gemini.settings import parse

SCREENS = Path(__file__).parent / "screens"


def shown(name: str) -> str:
    return (SCREENS / f"{name}.txt").read_text()


@pytest.fixture
def agent():
    return GeminiAgent()


def test_the_commands_pin_and_resume(home, make_session, agent):
    session = make_session(agent_config={"model": "m", "arguments": ["--approval-mode", "plan"]})
    options = [f"--include-directories={prompts.directory_of(session)}", "--model", "m", "--approval-mode", "plan"]
    assert agent.agent_launch_command(session) == ["gemini", "--session-id", session.id, *options]
    put_chat(home, session.workspace_path, session.id, "fix it")
    session = session._replace(conversation=Conversation(id=session.id, evidence=Evidence.PINNED))
    assert agent.agent_restore_command(session) == ["gemini", "--resume", session.id, *options]


@pytest.mark.parametrize(
    "arguments",
    [
        ["x"],
        ["--resume", "latest"],
        ["-r5"],
        ["--session-id=x"],
        ["-p", "x"],
        ["-i", "x"],
        ["--worktree"],
        ["-m", "a\0b"],
    ],
)
def test_arguments_that_decide_which_conversation_runs_or_how_are_refused(arguments):
    with pytest.raises(HookError, match=r"cannot be used|NUL"):
        parse({"arguments": arguments})


def test_the_clients_directory_is_remembered_and_given_back(make_session, agent, tmp_path):
    kept = agent.agent_prepare(make_session(agent_config={"executable": "sh"}))
    assert kept == {"home": str(tmp_path / "user")}
    environment = agent.agent_environment(make_session(agent_config=kept))
    assert environment["GEMINI_CLI_HOME"] == str(tmp_path / "user")
    assert {environment[name] for name in ("GEMINI_CLI", "CI", "GITHUB_ACTIONS")} == {None}


@pytest.mark.parametrize("text", ["/help", " !rm x", "?", '"all of it"', "'x'"])
def test_what_the_client_would_change_or_obey_stays_text(make_session, text):
    (carried,) = prompts.arguments(make_session(), text)
    value = carried.removeprefix("--prompt-interactive=")
    assert value == f"The task, word for word:\n\n{text}" == prompts.typed(make_session(), text)
    assert prompts.is_sent_as(make_session(), text, value)


@pytest.mark.parametrize("text", ["see @README", "x" * 131_001, "a\0b"])
def test_what_no_argument_can_carry_goes_by_a_private_file(make_session, agent, text):
    agent.agent_starting(make_session(), text)
    (carried,) = prompts.arguments(make_session(), text)
    path = Path(carried.rpartition(" ")[2])
    assert path.read_text() == text
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("text", ["a\tb", "red \x1b[31m", "x" * 20_001, "ends in \\", "see @README"])
def test_what_cannot_be_typed_goes_by_a_private_file(make_session, text):
    typed = prompts.typed(make_session(), text)
    assert Path(typed.rpartition(" ")[2]).read_text() == text
    assert prompts.is_sent_as(make_session(), text, typed)
    assert not prompts.is_sent_as(make_session(), f"{text}!", typed)


def test_the_files_go_with_the_session(make_session, agent):
    prompts.typed(make_session(), "a\tb")
    agent.session_removed(make_session(agent="other"))
    assert prompts.directory_of(make_session()).exists()
    agent.session_removed(make_session())
    assert not prompts.directory_of(make_session()).exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("trust", "whether to trust the directory; answer it there: rouser attach"),
        ("read", "whether it may read a file"),
        ("in_use", "cannot start the conversation"),
        ("unknown", "cannot resume the conversation"),
    ],
)
def test_what_keeps_it_from_working_is_recognised(make_session, agent, name, words):
    assert words in (screen.explain(make_session(), shown(name)) or "")
    assert agent.agent_is_ready(make_session(), shown(name)) is False


def test_only_a_client_at_rest_is_ready(make_session, agent):
    assert agent.agent_is_ready(make_session(), shown("ready")) is True
    assert agent.agent_is_ready(make_session(), shown("busy")) is False
    assert screen.explain(make_session(), shown("busy")) is None


def test_what_is_typed_is_told_from_what_was_said():
    typed = shown("ready").replace("  Type your message or @path/to/file", "hello there")
    assert screen.holds(typed, "hello\nthere ")
    assert not screen.holds(typed, "hello")
    assert not screen.holds(typed, "fix it")
    assert not screen.holds(shown("ready"), "fix it")
    assert screen.holds(typed.replace("hello there", "[Pasted Text: 12 lines]"), "x\n" * 12)
