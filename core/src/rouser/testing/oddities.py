"""Texts that get damaged wherever a shell, a terminal multiplexer's own syntax or an encoding comes between."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

LARGE: Final = 100_000  # twice in one command makes 200 kB; Linux takes 131,071 bytes in one argument, see execve(2)

TEXTS: Final[Mapping[str, tuple[str, ...]]] = {
    "spaces": ("two words", " leading", "trailing ", "  ", "tab\there"),
    "quotes": ("it's", 'say "x"', "`id`", "a\\b", "\\", "'\\''", '"'),
    "newlines": ("two\nlines", "\n", "last\n", "carriage\rreturn"),
    "semicolons": ("word;", ";", "a;b", "\\;", ";;", "x ;"),
    "formats": ("#{session_name}", "#(touch kit-was-executed)", "#S", "##", "%1", "%%", "{}", "^A"),
    "shell": ("$HOME", "$(touch kit-was-executed)", "${PATH}", "*", "?", "~", "!!", "&", "|", ">kit-was-executed", "#"),
    "dashes": ("-", "--", "-d", "--help", "-t=x"),
    "unicode": ("Grüße", "日本語", "\u202ertl", "e\u0301", "👩\u200d🚀"),
    "empty": ("", "after an empty one", ""),
    "bytes": (os.fsdecode(b"\xff\xfe"), os.fsdecode(b"caf\xe9"), "\x01", "\x7f"),
    "large": ("x" * LARGE, "y" * LARGE),
}
"""By what is odd about them; every text may be an argument, and a value in the environment."""

DIRECTORIES: Final[Mapping[str, str]] = {
    "spaces": " two  words ",
    "quotes": 'it\'s a "dir" \\ `id`',
    "newline": "two\nlines",
    "semicolon": "word;",
    "formats": "#{session_name}#(touch kit-was-executed)",
    "shell": "$HOME$(touch kit-was-executed)*",
    "dash": "-d",
    "unicode": "Grüße日本",
}
"""Names of directories, by what is odd about them."""

MESSAGES: Final[Mapping[str, str]] = {
    "a word": "hello",
    "trailing semicolon": "hello;",
    "leading dash": "-l hello",
    "key names": "Enter C-c Escape ^C ^M \\015 \\r",
    "shell and formats": "$(touch kit-was-executed) `id` #{pane_id} #(id) %1 !ls 'quoted\" \\",
    "spaces": "  indented,\twith a tab, and spaces behind  ",
    "unicode": "Grüße 日本語 👩\u200d🚀",
    "two lines": "first\nsecond",
    "many lines": "\n".join(f"line {number}" for number in range(500)),
    "blank lines": "first\n\n\nlast",
    "10 kB on a line": "x" * 10_000,
    "200 kB": "\n".join("y" * 99 for _ in range(2_000)),
}
"""Messages, by what is odd about them."""

STEERING: Final[Mapping[str, str]] = {
    "end of paste": "before\x1b[201~after",
    "interrupt": "before\x03after",
    "end of file": "before\x04after",
    "escape": "before\x1bafter",
    "title": "before\x1b]0;title\x07after",
    "C1": "before\x9b201~after",
    "suspend and quit": "before\x1a\x1cafter",
    "delete": "before\x7f\x08after",
}
"""Messages with control characters, each of which a terminal or its line discipline acts upon."""
