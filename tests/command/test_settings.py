"""What may be set, and what is refused with which words."""

import pytest

from rouser import HookError
from rouser_command.settings import PromptWay, parse, parse_session


def test_a_command_line_may_be_a_list_or_one_string_in_shell_quoting():
    assert parse({"command": ["agent", "two words"]}).command == ("agent", "two words")
    assert parse({"command": "agent 'two words'"}).command == ("agent", "two words")


def test_nothing_set_means_nothing_to_run_and_a_typed_prompt():
    settings = parse({})
    assert (settings.command, settings.resume, settings.ready_pattern, settings.prompt) == (
        (),
        (),
        None,
        PromptWay.TYPE,
    )


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"comand": "x"}, "unknown setting 'comand': allowed are command, prompt, ready_pattern, resume"),
        ({"command": 7}, "command must be a list of strings"),
        ({"resume": ["agent", 7]}, "resume must be a list of strings"),
        ({"command": "agent 'open"}, "command cannot be split into words"),
        ({"command": ["agent", "a\0b"]}, "command holds a NUL character"),
        ({"ready_pattern": "("}, "ready_pattern is not a regular expression"),
        ({"ready_pattern": 7}, "ready_pattern must be a string"),
        ({"prompt": "telepathy"}, "prompt is 'telepathy': allowed are type, argument, none"),
    ],
)
def test_an_unusable_setting_is_refused_with_what_is_allowed(table, words):
    with pytest.raises(HookError) as caught:
        parse(table)
    assert words in str(caught.value)


def test_arguments_win_over_the_configured_command():
    settings = parse_session({"command": ["aider"], "arguments": ["codex", "--yes"], "prompt": "argument"})
    assert settings.command == ("codex", "--yes")
    assert settings.prompt is PromptWay.ARGUMENT


def test_no_arguments_leave_the_configured_command():
    assert parse_session({"command": ["aider"], "arguments": []}).command == ("aider",)


def test_a_configured_resume_never_brings_up_another_program_than_the_arguments_started():
    configured = {"command": ["aider"], "resume": ["aider", "--restore-chat-history"]}
    assert parse_session(configured | {"arguments": ["codex"]}).resume == ()
    assert parse_session(configured | {"arguments": ["aider", "--yes"]}).resume == ("aider", "--restore-chat-history")
