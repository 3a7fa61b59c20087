"""Nothing that comes from a session can steer or deceive the terminal."""

import pytest

from rouser.cli.output import printable, printable_lines

STEERING = [
    "\x1b",
    "\x07",
    "\x9b",
    "\x7f",
    "\x00",
    "\u202e",
    "\u2066",
    "\u2069",
    "\u200f",
    "\u061c",
    "\u2028",
    "\u2029",
]


@pytest.mark.parametrize("char", STEERING)
def test_characters_that_steer_or_turn_are_replaced(char: str) -> None:
    assert printable(f"a{char}b") == printable_lines(f"a{char}b") == "a�b"


def test_words_in_any_script_stay() -> None:
    text = "naïve שלום مرحبا 日本 👩\u200d💻"
    assert printable(text) == printable_lines(text) == text
