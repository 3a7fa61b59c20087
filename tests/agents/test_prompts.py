"""Prompts and messages arrive as they were written, and start nothing, whichever way they take."""

from __future__ import annotations

import re
import unicodedata

import pytest
from agents.lab import Lab
from support.waiting import wait_for

PREFACE = "The task, word for word:\n\n"
TEXTS = {
    "one byte": "x",
    "quotes": "'single' \"double\" `touch made-by-backtick` $(touch made-by-shell) $(id) $HOME",
    "lines": "first\n\nthird\nfourth\nfifth\n\nseventh",
    "tabs": "a\tb\n\tc",
    "emoji": "🦀 é 中文 👩‍👩‍👧",
    "dash": "-p --help",
    "slash": "/clear",
    "bang": "!touch made-by-bang",
    "semicolon": "end;",
    "formats": "#{pane_id} #(touch made-by-tmux) %%",
    "backslash": "ends in \\",
    "file": "@README and @/etc/hostname",
    "escapes": "red \x1b[31m end \x1b[201~\r!touch made-by-escape\x07 \x03",
    "4096 bytes": "word " * 819 + "x",
    "20000 bytes": ("line of thirty-one characters..\n" * 625)[:-1] + "x",
    "131000 bytes": ("0123456789abcde\n" * 8188)[:130_999] + "z",
    "131100 bytes": ("0123456789abcde\n" * 8194)[:131_099] + "z",
    "1000000 bytes": ("0123456789abcde\n" * 62_500)[:999_999] + "z",
    "1000000 bytes in a line": "word " * 199_999 + "fives",
}
ROUNDS = [list(TEXTS)[start::4] for start in range(4)]


def texts_of(lab: Lab) -> list[str | None]:
    """Return what reached the model, prompt by prompt: said to it, or read by it from a file that it was pointed to."""
    found = []
    for text in lab.api.prompts():
        named = re.search(r"(/\S+/prompts/\w+\.md)$", text)
        pasted = re.fullmatch(r'\s*<pasted_content id="\w+">\n(.*)\n</pasted_content id="\w+">\s*', text, re.DOTALL)
        said = lab.api.read(named.group(1)) if named else pasted.group(1) if pasted else text
        found.append(said and visible(said.removeprefix(PREFACE)))
    return found


def visible(text: str) -> str:
    """Return a text without what no terminal and no command line may carry to the client."""
    text = text.replace("\r\n", "\n").replace("\r", "\n") if "\x1b" not in text else text
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) != "Cc")


def arrive(lab: Lab, names: list[str]) -> None:
    """Wait until as many prompts have arrived, and insist that these are they, and that nothing was started."""
    lab.answered(len(names))
    expected = sorted(visible(TEXTS.get(name, name)) for name in names)

    def arrived() -> list[str]:
        return sorted(text if text is not None else "not read yet" for text in texts_of(lab))

    wait_for(lambda: arrived() == expected, f"{names} arrived, not {[text[:80] for text in arrived()]}", 30)
    assert [path.name for path in lab.world.root.rglob("made-by-*")] == []
    assert list((lab.world.root / "home" / "launch").iterdir()) == []


@pytest.mark.parametrize("names", ROUNDS, ids=lambda names: f"{names[0]}...")
def test_prompts_arrive_as_they_are_through_spawn_and_restore(lab: Lab, names: list[str]) -> None:
    sessions = [lab.spawn_file(TEXTS[name].encode()) for name in names]
    assert [session["prompt"]["state"] for session in sessions] == ["durable"] * len(names)
    arrive(lab, names)
    lab.kill_clients()
    for session in sessions:
        lab.transcript(session["id"]).unlink()
    restored = lab.world.ok("restore", "--all", "--json").json
    assert [(item["resumed"], item["prompt_sent"]) for item in restored] == [(False, True)] * len(names)
    arrive(lab, names * 2)


def test_messages_arrive_as_they_are(lab: Lab) -> None:
    session = lab.spawn("begin")
    for name, text in TEXTS.items():
        done = lab.send_file(session, text.encode())
        assert done.code == 0, (name, done.err)
    arrive(lab, ["begin", *TEXTS])


def test_an_enter_that_was_lost_is_pressed_again(lab: Lab) -> None:
    session = lab.spawn("begin")
    lab.lose_enter()
    done = lab.send(session, "a message of several words")
    assert done.code == 0, done.err
    assert lab.answered(2) == ["begin", "a message of several words"]


def test_a_busy_client_is_not_disturbed(lab: Lab) -> None:
    session = lab.spawn("ANSWER-HANG")
    done = lab.world.run("send", session["id"], "--wait", "2", "more")
    assert done.code == 15
    assert "nothing was typed" in done.err
    assert lab.api.prompts() == ["ANSWER-HANG"]
