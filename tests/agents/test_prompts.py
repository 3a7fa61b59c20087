"""Prompts and messages arrive as they were written, and start nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from agents.lab import Lab
from support.waiting import wait_for

PREFACE = "The task, word for word:\n\n"
TRICKY = {
    "one byte": "x",
    "quotes": "'single' \"double\" `id` $(id) $HOME",
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
    "4096 bytes": "word " * 819 + "x",
    "20000 bytes": ("line of thirty-one characters..\n" * 625)[:-1] + "x",
}


def texts_of(lab: Lab) -> list[str]:
    """Return what reached the model, prompt by prompt: said to it, or read by it from a file that it was pointed to."""
    found = []
    for text in lab.api.prompts():
        named = re.search(r"(/\S+/prompts/\w+\.md)$", text)
        pasted = re.fullmatch(r'\s*<pasted_content id="\w+">\n(.*)\n</pasted_content id="\w+">\s*', text, re.DOTALL)
        said = Path(named.group(1)).read_text() if named else pasted.group(1) if pasted else text
        found.append(said.removeprefix(PREFACE))
    return found


def arrive(lab: Lab, texts: list[str]) -> None:
    """Wait until as many prompts have arrived, and insist that the last are these."""
    lab.answered(len(texts))
    wait_for(lambda: texts_of(lab)[-len(texts) :] == texts, f"{texts!r:.200} arrived, not {texts_of(lab)!r:.500}")


def made_files(lab: Lab) -> list[str]:
    return [path.name for path in (lab.world.root / "wt").rglob("made-by-*")]


def test_prompts_arrive_as_they_are_through_spawn_and_a_fresh_restore(lab: Lab) -> None:
    for name in ("lines", "quotes", "slash", "bang", "dash"):
        session = lab.spawn_file(TRICKY[name].encode())
        assert session["prompt"]["state"] == "durable", name
        lab.kill_session(session)
        lab.transcript(session["id"]).unlink()
        restored = lab.restore(session)
        assert (restored["resumed"], restored["prompt_sent"]) == (False, True), name
        arrive(lab, [TRICKY[name]] * 2)
        lab.kill_session(session)
    assert made_files(lab) == []


def test_messages_arrive_as_they_are(lab: Lab) -> None:
    session = lab.spawn("begin")
    for name, text in TRICKY.items():
        done = lab.send_file(session, text.encode())
        assert done.code == 0, (name, done.err)
    arrive(lab, ["begin", *TRICKY.values()])
    assert made_files(lab) == []


def test_control_characters_reach_the_model_by_file_and_the_terminal_not_at_all(lab: Lab) -> None:
    text = "red \x1b[31m end \x1b[201~\r!touch made-by-escape\x07 \x03"
    session = lab.spawn("begin")
    assert lab.send_file(session, text.encode()).code == 0
    lab.answered(2)
    named = re.search(r"(/\S+/prompts/\w+\.md)$", lab.api.prompts()[-1])
    assert named is not None
    assert Path(named.group(1)).read_bytes().decode() == text
    assert made_files(lab) == []


@pytest.mark.parametrize("size", [131_000, 131_100, 1_000_000])
def test_large_prompts_arrive_whole(lab: Lab, size: int) -> None:
    text = ("0123456789abcde\n" * (size // 16 + 1))[: size - 1] + "z"
    session = lab.spawn_file(text.encode())
    assert session["prompt"]["state"] == "durable"
    arrive(lab, [text])
    if size > 131_000:  # the file was read without a question
        reads = [request for request in lab.api.requests if "tool_result" in json.dumps(request.body["messages"][-1])]
        assert reads or lab.world.show(session["id"])["activity"] != "waiting_input"


def test_a_large_message_arrives_whole(lab: Lab) -> None:
    session = lab.spawn("begin")
    text = "word " * 200_000 + "end"
    assert lab.send_file(session, text.encode()).code == 0
    arrive(lab, ["begin", text])


def test_a_busy_client_is_not_disturbed(lab: Lab) -> None:
    session = lab.spawn("ANSWER-HANG")
    done = lab.world.run("send", session["id"], "--wait", "2", "more")
    assert done.code == 15
    assert "nothing was typed" in done.err
    assert lab.api.prompts() == ["ANSWER-HANG"]
