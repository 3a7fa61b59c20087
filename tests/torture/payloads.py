"""What is hostile: words that would run a command, steer a terminal, or break what reads them."""

from __future__ import annotations

import os
import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
CANARY_FILE = "canary-that-must-not-sing"
_RUN = f"touch {CANARY_FILE}"
COMMANDS = (
    f"$({_RUN})",
    f"`{_RUN}`",
    f"; {_RUN};",
    f"x; {_RUN} #",
    f"'; {_RUN}; '",
    f'"; {_RUN}; "',
    f"| {_RUN}",
    f"&& {_RUN}",
    f"\n{_RUN}\n",
    f"#({_RUN})",
    f"#{{?1,#({_RUN}),}}",
    f"a\\; run-shell '{_RUN}'",
    "hello;",
    f"--upload-pack={_RUN}",
    f"-c core.fsmonitor={_RUN}",
    f"ext::sh -c {_RUN.replace(' ', '% ')}",
    f"\x1b[201~\r{_RUN}\r",
    f"\x9b201~\r{_RUN}\r",
    f"\x03\x04\r{_RUN}\r",
    f"\x1b]52;c;{CANARY_FILE}\x07",
)
CORPUS = (
    *COMMANDS,
    *(
        "",
        " ",
        ".",
        "..",
        "../..",
        "/",
        "//",
        "~",
        "-",
        "--",
        "-x",
        "--help",
        "*",
        "?",
        "[a]",
        "%s",
        "{0}",
        "@{-1}",
        "HEAD",
    ),
    *(
        "../../etc/passwd",
        "/etc/passwd",
        "a/../../b",
        "a\0b",
        "\0",
        "\x1b[2J",
        "\x1b[31mred",
        "\x9b31m",
        "\x90q\x9c",
        "\r\n",
    ),
    *(
        "\u202egpj.exe",
        "\u2066x\u2069",
        "\u200ex",
        "\u2028x",
        "\x85x",
        "\x7f",
        "\ud800",
        "\udcff",
        "ﬁ",
        "İ",
        "🏳️\u200d🌈",
    ),
    *("a" * 300, "x" * 100_000, "CON", "con.", ".git", ".lock", "a.lock", "tmux:v1:", "process:v1:"),
)


def is_bytes(text: str) -> bool:
    """Return whether a program can be given the text at all."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def steers(text: str) -> str | None:
    found = _CONTROL.search(text)
    return None if found is None else f"prints {found.group()!r}"
