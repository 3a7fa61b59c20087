"""What is read from the client's screen; the samples were drawn by a real one, with blank lines left out."""

from pathlib import Path

import pytest

from rouser_claude_code import screen

SCREENS = Path(__file__).parent / "screens"
RULE = "─" * 80


def box(text, foot="  ⏵⏵ auto mode on (shift+tab to cycle)"):
    return f"● Understood.\n{RULE}\n\u276f {text}\n{RULE}\n{foot}\n"


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        ("trust", "whether to trust the directory; answer it there: rouser attach 5b1e7a34"),
        ("key", "whether to use the API key"),
        ("bypass", "whether to run without permissions"),
        ("settings", "errors in its settings"),
        ("offline", "it cannot reach its service"),
        ("unknown", "it does not know the conversation"),
        ("login", "nobody is logged in; log in there with /login: rouser attach 5b1e7a34"),
    ],
)
def test_a_dialog_or_error_is_recognised_with_its_remedy(make_session, sample, words):
    assert words in screen.explain(make_session(), (SCREENS / f"{sample}.txt").read_text())


@pytest.mark.parametrize(
    "text", ["", "Loading\n", box(""), box("Do you want to use this API key?"), "what is already\n"]
)
def test_any_other_screen_says_nothing(make_session, text):
    assert screen.explain(make_session(), text) is None


def test_the_words_of_a_dialog_in_a_conversation_are_no_dialog(make_session):
    said = "● It said: No conversation found with session ID, or Not logged in\n" + "more\n" * 30
    assert screen.explain(make_session(), said + box("")) is None


def test_the_input_box_is_read(make_session):
    assert screen.input_box(box("")) == ""
    assert screen.input_box(box("two\n  lines")) == "two\nlines"
    assert screen.input_box(box("x") + "\n\n\n") == "x"


@pytest.mark.parametrize(
    "text", ["", "\u276f no rules", box("x") + "more\n" * 20, f"{RULE}\nno prompt\n{RULE}\n", RULE]
)
def test_no_input_box_is_seen_where_there_is_none(text):
    assert screen.input_box(text) is None


@pytest.mark.parametrize(
    ("shown", "typed", "is_held"),
    [
        ("fix it", "fix it", True),
        ("fix\n  it all", "fix it\nall", True),
        ("[Pasted text #1 +40 lines]", "long\n" * 40, True),
        ("", "fix it", False),
        ("mine fix it", "fix it", False),
        ("[Pasted text #1 +40 lines]\n  and mine", "long\n" * 40, False),
    ],
)
def test_our_own_text_in_the_box_is_known_from_anything_else(shown, typed, is_held):
    assert screen.holds(box(shown), typed) is is_held
