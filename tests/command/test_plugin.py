"""What the hooks answer, from the command line that a session carries."""

import subprocess
import sys

import pytest

from rouser import Evidence, HookError
from rouser_command.commandline import LONGEST_ARGUMENT
from rouser_command.plugin import CommandAgent

NOTHING_TO_RUN = (
    "nothing to run: put the command line behind --, as in: rouser spawn TASK --agent command -- aider --yes"
)


@pytest.fixture
def agent():
    return CommandAgent()


def test_the_command_behind_the_dashes_is_the_launch_command(agent, make_session):
    session = make_session({"arguments": ["aider", "--yes"]})
    assert agent.agent_launch_command(session) == ["aider", "--yes"]


def test_a_prompt_is_typed_unless_something_else_is_set(agent, make_session):
    session = make_session({"arguments": ["aider"]})
    assert agent.agent_initial_prompt(session) == "fix the flaky test"
    assert agent.agent_prompt_arguments(session, "do it") is None


def test_a_prompt_as_argument_comes_last_and_whole(agent, make_session):
    session = make_session({"arguments": ["agent", "--go"], "prompt": "argument"})
    assert agent.agent_launch_command(session) == ["agent", "--go"]
    assert agent.agent_prompt_arguments(session, "do it\n$(now)") == ["do it\n$(now)"]


def test_a_place_for_the_prompt_is_left_out_of_the_launch_command_and_filled_in_its_tail(agent, make_session):
    session = make_session({"arguments": ["agent", "--message={prompt}!"]})
    assert agent.agent_launch_command(session) == ["agent"]
    assert agent.agent_prompt_arguments(session, "do it") == ["--message=do it!"]


def test_placeholders_in_the_text_of_a_prompt_stay_text(agent, make_session):
    session = make_session({"arguments": ["agent", "{session_id}:{prompt}"]})
    assert agent.agent_prompt_arguments(session, "say {session_id} and {prompt}") == [
        f"{session.id}:say {{session_id}} and {{prompt}}"
    ]


def test_braces_that_are_no_placeholders_stay_as_they_are(agent, make_session):
    command = ["agent", "{}", "{0}", '{"a": {"b": 1}}', "{PROMPT}"]
    assert agent.agent_launch_command(make_session({"arguments": command})) == command


def test_a_command_that_takes_no_prompt_has_none(agent, make_session):
    session = make_session({"arguments": [sys.executable], "prompt": "none"})
    agent.agent_prepare(session)
    assert agent.agent_initial_prompt(session) == ""


def test_without_resume_a_restore_is_a_fresh_start(agent, make_session):
    session = make_session({"arguments": ["agent"]})
    assert agent.agent_restore_command(session) is None
    assert agent.agent_find_conversation(session) is None


def test_resume_is_what_a_restore_runs(agent, make_session):
    session = make_session({"command": ["aider"], "resume": "aider --restore-chat-history"})
    assert agent.agent_restore_command(session) == ["aider", "--restore-chat-history"]
    assert agent.agent_find_conversation(session) is None


def test_a_session_id_in_both_command_lines_pins_the_conversation(agent, make_session):
    session = make_session({"command": ["agent", "--id={session_id}"], "resume": ["agent", "--resume", "{session_id}"]})
    assert agent.agent_launch_command(session) == ["agent", f"--id={session.id}"]
    assert agent.agent_restore_command(session) == ["agent", "--resume", session.id]
    conversation = agent.agent_find_conversation(session)
    assert (conversation.id, conversation.evidence) == (session.id, Evidence.PINNED)


def test_a_session_id_that_nothing_resumes_by_pins_no_conversation(agent, make_session):
    session = make_session({"arguments": ["agent", "--id={session_id}"]})
    assert agent.agent_find_conversation(session) is None


def test_a_ready_pattern_is_looked_for_in_each_line_of_the_terminal(agent, make_session):
    session = make_session({"arguments": ["agent"], "ready_pattern": r"^> $"})
    assert agent.agent_is_ready(session, "loading\n") is False
    assert agent.agent_is_ready(session, "loading\n> \nstatus\n") is True


def test_without_a_ready_pattern_readiness_cannot_be_told(agent, make_session):
    assert agent.agent_is_ready(make_session({"arguments": ["agent"]}), "> ") is None


def test_activity_cannot_be_told_and_the_environment_is_left_alone(agent, make_session):
    session = make_session({"arguments": ["agent"]})
    assert agent.agent_detect_activity(session) is None
    assert agent.agent_environment(session) == {}


@pytest.mark.parametrize("config", [{}, {"arguments": []}, {"command": ""}])
def test_validate_says_how_to_give_a_command_when_there_is_none(agent, make_session, config):
    with pytest.raises(HookError) as caught:
        agent.agent_prepare(make_session(config))
    assert str(caught.value) == NOTHING_TO_RUN


def test_validate_refuses_a_program_that_is_not_there(agent, make_session):
    with pytest.raises(HookError, match="there is no program 'no-such-agent-anywhere'"):
        agent.agent_prepare(make_session({"arguments": ["no-such-agent-anywhere"]}))


def test_validate_refuses_a_file_that_is_not_executable(agent, make_session, tmp_path):
    plain = tmp_path / "agent"
    plain.write_text("")
    plain.chmod(0o644)
    with pytest.raises(HookError, match="there is no program"):
        agent.agent_prepare(make_session({"arguments": [str(plain)]}))


def test_validate_refuses_a_resume_program_that_is_not_there(agent, make_session):
    with pytest.raises(HookError, match="there is no program 'no-such-agent-anywhere'"):
        agent.agent_prepare(make_session({"command": [sys.executable], "resume": "no-such-agent-anywhere"}))


def test_validate_leaves_a_path_in_the_workspace_to_be_found_there(agent, make_session):
    agent.agent_prepare(make_session({"arguments": ["./tools/agent"]}))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"arguments": ["agent", "{prompt}", "--yes"]}, "only in the last argument"),
        ({"arguments": ["{prompt}"]}, "only in the last argument"),
        ({"command": ["agent"], "resume": ["agent", "{prompt}"]}, "only in the last argument"),
        ({"command": ["agent"], "resume": ["agent", "{session_id}"]}, "nothing starts under that id"),
        ({"arguments": ["agent", "{prompt}"], "prompt": "none"}, 'prompt is "none"'),
    ],
)
def test_validate_refuses_placeholders_where_they_cannot_work(agent, make_session, config, words):
    with pytest.raises(HookError, match=words):
        agent.agent_prepare(make_session(config))


def test_validate_refuses_a_place_for_the_prompt_without_a_task(agent, make_session):
    with pytest.raises(HookError, match="there is no task"):
        agent.agent_prepare(make_session({"arguments": [sys.executable, "{prompt}"]}, task=" "))


def test_validate_refuses_a_prompt_override_for_a_command_that_takes_none(agent, make_session):
    session = make_session({"arguments": [sys.executable], "prompt": "none"}, initial_prompt_override="go on")
    with pytest.raises(HookError, match='prompt is "none"'):
        agent.agent_prepare(session)


@pytest.mark.parametrize(
    "config", [{"arguments": [sys.executable, "{prompt}"]}, {"arguments": [sys.executable], "prompt": "argument"}]
)
def test_validate_refuses_a_prompt_that_no_argument_can_carry(agent, make_session, config):
    agent.agent_prepare(make_session(config, task="x" * LONGEST_ARGUMENT))
    with pytest.raises(HookError, match="put it into a file"):
        agent.agent_prepare(make_session(config, task="x" * (LONGEST_ARGUMENT + 1)))
    with pytest.raises(HookError, match="NUL"):
        agent.agent_prepare(make_session(config, task="a\0b"))


def test_validate_does_not_mind_the_length_of_a_typed_prompt(agent, make_session):
    agent.agent_prepare(make_session({"arguments": [sys.executable]}, task="x" * (LONGEST_ARGUMENT + 1)))


def test_doctor_tells_whether_the_configured_programs_are_there(agent):
    assert agent.plugin_diagnose() == []
    agent.plugin_configure({"command": [sys.executable], "resume": "no-such-agent-anywhere --resume"})
    found, missing = agent.plugin_diagnose()
    assert (found.subject, found.ok) == (sys.executable, True)
    assert (missing.subject, missing.ok) == ("no-such-agent-anywhere", False)
    assert missing.remedy


def test_the_longest_argument_is_what_the_kernel_takes(agent, make_session):
    session = make_session({"arguments": [sys.executable, "-c", "import sys; print(len(sys.argv[1]))", "{prompt}"]})
    argv = [*agent.agent_launch_command(session), *agent.agent_prompt_arguments(session, "x" * LONGEST_ARGUMENT)]
    assert (
        subprocess.run(argv, check=True, capture_output=True, text=True, timeout=30).stdout == f"{LONGEST_ARGUMENT}\n"
    )
