"""What may be set, and what is refused with which words."""

from pathlib import Path

import pytest

from rouser import HookError
from rouser_claude_code.settings import PERMISSION_MODES, parse


def test_nothing_set_means_the_client_on_path_with_its_own_defaults():
    settings = parse({})
    assert (settings.executable, settings.model, settings.permission_mode, settings.arguments) == (
        "claude",
        None,
        None,
        (),
    )


def test_arguments_may_be_a_list_or_one_string_in_shell_quoting():
    assert parse({"arguments": ["--append-system-prompt", "be brief"]}).arguments[1] == "be brief"
    assert parse({"arguments": "--append-system-prompt 'be brief'"}).arguments[1] == "be brief"


@pytest.mark.parametrize("mode", PERMISSION_MODES)
def test_every_permission_mode_of_the_client_is_taken(mode):
    assert parse({"permission_mode": mode}).permission_mode == mode


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"modle": "opus"}, "unknown setting 'modle': allowed are arguments, config_dir, executable"),
        ({"model": 7}, "model must be a string"),
        ({"model": "a\0b"}, "model must be a string"),
        ({"permission_mode": "yolo"}, "permission_mode is 'yolo': allowed are acceptEdits, auto"),
        ({"config_dir": "claude"}, "config_dir is 'claude': it must be an absolute path"),
        ({"arguments": [7]}, "arguments must be a list of strings"),
        ({"arguments": 7}, "arguments must be a list of strings"),
        ({"arguments": "'open"}, "arguments cannot be split into words"),
        ({"arguments": ["a\0b"]}, "NUL"),
    ],
)
def test_an_unusable_setting_is_refused_with_what_is_allowed(table, words):
    with pytest.raises(HookError) as caught:
        parse(table)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "word",
    [
        *("--resume", "--resume=x", "-r", "-r5b1e", "--continue", "-c", "--session-id", "--session-id=x"),
        *("--fork-session", "-p", "--print", "--bg", "--background", "--worktree", "-w", "--tmux=classic", "--"),
    ],
)
def test_an_argument_that_rouser_decides_itself_is_refused(word):
    with pytest.raises(HookError, match="cannot be used"):
        parse({"arguments": ["--verbose", word]})


@pytest.mark.parametrize(
    "word", ["--dangerously-skip-permissions", "--model", "--permission-mode=plan", "--add-dir", "-d", "-n"]
)
def test_other_arguments_are_the_users_own_choice(word):
    assert parse({"arguments": [word]}).arguments == (word,)


def test_the_home_is_config_dir_else_the_environment_else_the_clients_default(monkeypatch):
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", "/elsewhere")
    assert parse({"config_dir": "/set"}).home == Path("/set")
    assert parse({}).home == Path("/elsewhere")
    monkeypatch.delenv("CLAUDE_CONFIG_DIR")
    assert parse({}).home == Path.home() / ".claude"


def test_a_tilde_means_the_home_directory_where_a_path_is_set():
    assert parse({"config_dir": "~/c"}).config_dir == Path.home() / "c"
    assert parse({"executable": "~/bin/claude"}).executable == str(Path.home() / "bin" / "claude")
