"""Commands, settings, words and screens of the opencode plugin."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from opencode.records import id_of

from rouser import Conversation, Evidence, HookError
from rouser_opencode import prompts, screen
from rouser_opencode.plugin import OpencodeAgent
from rouser_opencode.settings import parse

SCREENS = Path(__file__).parent / "screens"


def shown(name: str) -> str:
    return (SCREENS / f"{name}.txt").read_text()


@pytest.fixture
def agent():
    return OpencodeAgent()


def test_the_first_start_imports_a_conversation_with_the_pinned_id(make_session, agent):
    session = make_session(agent_config={"model": "a/m", "arguments": ["--agent", "plan"]})
    agent.agent_starting(session, "")
    shell, option, script, program, stub, *rest = agent.agent_launch_command(session)
    assert (shell, option, program) == ("sh", "-c", "opencode")
    assert rest == ["--session", id_of(session), "--model", "a/m", "--agent", "plan"]
    assert "$" not in script.replace('"$0"', "").replace('"$1"', "").replace('"$@"', "")
    imported = json.loads(Path(stub).read_text())
    assert imported["info"]["id"] == id_of(session)
    assert imported["info"]["title"] == "fix the flaky test"
    assert imported["messages"] == []
    assert Path(stub).stat().st_mode & 0o777 == 0o600


def test_a_resumed_one_is_imported_again_only_to_move_it(make_session, agent, kept, tmp_path):
    session = make_session()
    kept.converse(id_of(session), session.workspace_path, "fix it")
    session = session._replace(conversation=Conversation(id=id_of(session), evidence=Evidence.PINNED))
    assert agent.agent_restore_command(session) == ["opencode", "--session", id_of(session)]
    session = session._replace(workspace_path=tmp_path / "moved")
    agent.agent_starting(session, "")
    command = agent.agent_restore_command(session)
    assert command[-2:] == ["--session", id_of(session)]
    assert json.loads(Path(command[4]).read_text())["info"]["id"] == id_of(session)


@pytest.mark.parametrize(
    "arguments",
    [["x"], ["--session", "ses_1"], ["-sses_1"], ["--continue"], ["-c"], ["--fork"], ["--prompt=x"], ["-m", "a\0b"]],
)
def test_arguments_that_decide_which_conversation_runs_or_how_are_refused(arguments):
    with pytest.raises(HookError, match=r"cannot be used|NUL"):
        parse({"arguments": arguments})


def test_where_the_conversations_are_is_remembered_and_given_back(make_session, agent, path, monkeypatch, tmp_path):
    kept = agent.agent_prepare(make_session(agent_config={"executable": "sh"}))
    assert kept == {"database": str(path)}
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "another"))
    environment = agent.agent_environment(make_session(agent_config=kept))
    assert environment["OPENCODE_DB"] == str(path)
    assert environment["OPENCODE"] is None


@pytest.mark.parametrize(
    ("chosen", "found"),
    [("other.db", "share/opencode/other.db"), ("{}/mine.db", "mine.db"), ("", "share/opencode/opencode.db")],
)
def test_the_clients_own_variable_names_the_database(monkeypatch, tmp_path, chosen, found):
    monkeypatch.setenv("OPENCODE_DB", chosen.format(tmp_path))
    assert parse({}).database == tmp_path / found


def test_a_database_in_memory_is_refused(monkeypatch):
    monkeypatch.setenv("OPENCODE_DB", ":memory:")
    with pytest.raises(HookError, match="nothing outlives the client"):
        parse({})


@pytest.mark.parametrize("text", ["/help", " !rm x", "shot.png", "'/tmp/my shot.JPG'"])
def test_what_the_client_would_obey_or_change_stays_text(make_session, text):
    typed = prompts.typed(make_session(), text)
    assert typed == f"The task, word for word:\n\n{text}"
    assert prompts.is_sent_as(make_session(), text, typed)


def test_a_blank_behind_a_name_keeps_the_client_from_completing_it(make_session):
    assert prompts.typed(make_session(), "see @READ") == "see @READ "
    assert prompts.typed(make_session(), "see @READ\nand go") == "see @READ\nand go"
    assert prompts.is_sent_as(make_session(), "see @READ", "see @READ")


@pytest.mark.parametrize("text", ["red \x1b[31m", "x" * 20_001, "a\0b"])
def test_what_cannot_be_typed_goes_by_a_private_file(make_session, data, text):
    typed = prompts.typed(make_session(), text)
    path = Path(typed.rpartition(" ")[2])
    assert path.read_text() == text
    assert path.is_relative_to(data / "tool-output")
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert prompts.is_sent_as(make_session(), text, typed)
    assert not prompts.is_sent_as(make_session(), f"{text}!", typed)


def test_the_files_go_with_the_session(make_session, agent, data):
    agent.agent_starting(make_session(), "")
    prompts.typed(make_session(), "a\x1b")
    agent.session_removed(make_session(agent="other"))
    assert len(list((data / "tool-output").iterdir())) == 1
    agent.session_removed(make_session())
    assert list((data / "tool-output").iterdir()) == []
    assert not prompts.directory_of(make_session()).exists()


def test_what_keeps_it_from_working_is_recognised(make_session, agent):
    words = "asks for a permission; answer it there: rouser attach"
    assert words in agent.agent_explain_screen(make_session(), shown("permission"))
    assert agent.agent_is_ready(make_session(), shown("permission")) is False
    assert "does not know" in agent.agent_explain_screen(make_session(), "Error: Session not found: ses_1\n")


@pytest.mark.parametrize("name", ["ready", "wide"])
def test_a_client_at_rest_in_its_conversation_is_ready(make_session, agent, name):
    assert agent.agent_is_ready(make_session(), shown(name)) is True
    assert agent.agent_explain_screen(make_session(), shown(name)) is None
    busy = shown(name).replace("   /home/dev/shop  ", "   ■■■■⬝⬝⬝⬝  esc interrupt  ")
    assert agent.agent_is_ready(make_session(), busy) is False
    assert agent.agent_explain_screen(make_session(), busy) is None


def test_on_the_first_page_nothing_is_typed_as_that_would_begin_another_conversation(make_session, agent):
    assert agent.agent_is_ready(make_session(), shown("first_page")) is False
    assert agent.agent_is_ready(make_session(), "") is False


@pytest.mark.parametrize("name", ["ready", "wide"])
def test_what_is_typed_is_told_from_what_was_said(make_session, agent, name):
    box = "  ┃\n  ┃\n  ┃\n  ┃  Build"
    typed = shown(name).replace(box, "  ┃\n  ┃  hello\n  ┃  there\n  ┃\n  ┃  Build")
    assert agent.agent_is_ready(make_session(), typed) is False
    assert screen.holds(typed, "hello there ")
    beside = typed.replace("  ┃  there", "  ┃  there".ljust(125) + "LSPs are disabled")
    assert screen.holds(beside, "hello there")
    assert not screen.holds(typed, "hello")
    assert not screen.holds(shown(name), "")
    assert screen.holds(typed.replace("hello\n", "[Pasted ~12 lines]\n").replace("  ┃  there\n", ""), "x\n" * 12)
