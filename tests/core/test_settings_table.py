"""Settings are read by key, and what is wrong with one is said by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from rouser import HookError, SettingsTable

KEYS = ("arguments", "home", "model")


def table(**values):
    return SettingsTable(values, KEYS)


def test_an_unknown_key_is_refused_with_those_that_are_known():
    with pytest.raises(HookError, match="unknown setting 'modle': allowed are arguments, home, model"):
        table(modle="x")


def test_what_is_not_set_or_empty_is_not_there():
    for given in (table(), table(model="", home="", arguments="")):
        assert given.text("model") is None
        assert given.directory("home") is None
        assert given.words("arguments") == ()
        assert given.program("model", "default") == "default"


def test_the_home_directory_is_filled_in(monkeypatch):
    monkeypatch.setenv("HOME", "/home/you")
    given = table(home="~/data", model="~/bin/x")
    assert given.directory("home") == Path("/home/you/data")
    assert given.program("model", "x") == "/home/you/bin/x"
    assert table(model="./x").program("model", "x") == "./x"


@pytest.mark.parametrize("value", [["--a", "b c"], ("--a", "b c"), "--a 'b c'"])
def test_words_are_a_list_or_a_string_in_shell_quoting(value):
    assert table(arguments=value).words("arguments") == ("--a", "b c")


@pytest.mark.parametrize(
    ("read", "value", "words"),
    [
        ("text", 1, "must be a string"),
        ("text", "a\0b", "must be a string"),
        ("directory", "data", "absolute"),
        ("words", "'", "cannot be split"),
        ("words", 5, "list of strings"),
        ("words", ["a", 5], "list of strings"),
        ("words", ["a\0b"], "NUL"),
    ],
)
def test_what_is_unusable_is_refused_by_its_key(read, value, words):
    with pytest.raises(HookError, match=f"^home .*{words}"):
        getattr(table(home=value), read)("home")


@pytest.mark.parametrize("word", ["--resume", "--resume=x", "-r", "-rx", "--"])
def test_options_that_rouser_decides_are_refused_in_every_spelling(word):
    refused, short = {"--resume": "rouser decides it", "--": "the prompt is the task"}, {"-r": "--resume"}
    with pytest.raises(HookError, match=f"'{word}' cannot be used"):
        table(arguments=["--fast", word]).options("arguments", refused, short)
    assert table(arguments=["--resumes"]).options("arguments", refused, short) == ("--resumes",)


def test_a_first_word_that_is_no_option_is_refused_where_it_would_be_a_command():
    assert table(arguments=["go"]).options("arguments", {}, {}) == ("go",)
    with pytest.raises(HookError, match="'go' cannot be used"):
        table(arguments=["go"]).options("arguments", {}, {}, only=True)
