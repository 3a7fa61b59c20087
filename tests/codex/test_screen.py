"""The client's screens: what keeps it from working, and what stands in its input box."""

from __future__ import annotations

from pathlib import Path

import pytest

from rouser_codex import screen

SCREENS = Path(__file__).parent / "screens"


def shown(name: str) -> str:
    return (SCREENS / f"{name}.txt").read_text()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("trust", "whether to trust the directory; answer it there: rouser attach"),
        ("login", "nobody is logged in"),
        ("approval", "whether it may run a command"),
        ("held", "another process has the conversation open"),
        ("directory", "in which directory to go on"),
        ("unknown", "does not know the conversation"),
    ],
)
def test_what_keeps_it_from_working_is_recognised(make_session, name, words):
    assert words in (screen.explain(make_session(), shown(name)) or "")
    assert screen.input_box(shown(name)) is None


def test_a_client_at_rest_needs_no_explanation(make_session):
    assert screen.explain(make_session(), shown("ready")) is None
    assert screen.input_box(shown("ready")) == ""


def test_words_of_a_dialog_in_the_conversation_are_none(make_session):
    said = shown("ready").replace("Understood.", "Trust this folder?")
    assert screen.explain(make_session(), said) is None


def test_what_is_typed_is_told_from_what_was_said():
    assert screen.holds(shown("typed"), "hello\nthere ")
    assert not screen.holds(shown("typed"), "hello")
    assert not screen.holds(shown("typed"), "fix it")
    assert not screen.holds(shown("ready"), "fix it")
    assert screen.holds(shown("typed").replace("hello there", "[Pasted Content 4096 chars]"), "x" * 4096)
