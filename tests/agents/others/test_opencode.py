"""The real opencode: its own conversation, the prompt once, through crashes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agents.others.completions import CompletionsApi
from agents.others.lab import PATIENCE, OtherLab, new_lab
from support.waiting import wait_for

OPENCODE = os.environ.get("ROUSER_TEST_OPENCODE", "")
pytestmark = [
    pytest.mark.skipif(not OPENCODE, reason="needs the real client: make test-agents"),
    pytest.mark.timeout(1200),  # a start of this client alone may take a minute beside other work
]

PREFACE = "The task, word for word:\n\n"
TRICKY = {
    "one byte": "x",
    "quotes": "'single' \"double\" `id` $(id) $HOME",
    "lines": "first\n\nthird\nfourth\nfifth\n\nseventh",
    "tabs": "a\tb\n\tc",
    "emoji": "🦀 é 中文 👩‍👩‍👧",
    "dash": "-p --help",
    "slash": "/new",
    "bang": "!touch made-by-bang",
    "semicolon": "end;",
    "formats": "#{pane_id} #(touch made-by-tmux) %%",
    "backslash": "ends in \\",
    "completion": "see @README",
    "path": "/etc/hostname",
    "escape": "red \x1b[31m",
    "20000 bytes": ("line of thirty-one characters..\n" * 625)[:-1] + "x",
}


def configure(lab: OtherLab, **more: object) -> None:
    home = lab.user / ".config" / "opencode"
    home.mkdir(parents=True, exist_ok=True)
    settings = {
        "model": "stand-in/m",
        "small_model": "stand-in/m",
        "autoupdate": False,
        "share": "disabled",
        "provider": {
            "stand-in": {
                "npm": "@ai-sdk/openai-compatible",
                "name": "stand-in",
                "options": {"baseURL": f"{lab.api.address}/v1", "apiKey": "fake-key-for-loopback-tests"},
                "models": {"m": {"name": "m"}},
            }
        },
    }
    (home / "opencode.json").write_text(json.dumps(settings | more))


@pytest.fixture
def lab() -> Iterator[OtherLab]:
    extra = {
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
        "npm_config_offline": "true",  # it installs packages before its first request, and tries for a minute
        "ROUSER_PROMPT_TIMEOUT": "240",  # the very first start needs a minute beside other work
    }
    with new_lab("opencode", OPENCODE, CompletionsApi(), extra) as made:
        made.world.patience = 300
        configure(made)
        yield made


def say_by_hand(lab: OtherLab, cwd: Path, words: str) -> int:
    """Start a client as a person would, and say something to it once it can be spoken to; return its pid."""
    pid = lab.by_hand("mine", cwd)

    def shows(*expected: str) -> bool:
        screen = lab.world.tmux("capture-pane", "-p", "-t", "=mine:")
        return all(text in screen for text in expected)

    wait_for(lambda: shows("Ask anything", "m stand-in"), "its first page is there", PATIENCE)
    lab.world.tmux("send-keys", "-t", "=mine:", "-l", words)
    wait_for(lambda: shows(words), "the words are there", PATIENCE)
    lab.world.tmux("send-keys", "-t", "=mine:", "Enter")
    lab.request(words)
    return pid


def pinned(session: dict[str, object]) -> str:
    return "ses_" + str(session["id"]).replace("-", "")


def test_a_killed_client_comes_back_in_its_own_conversation_and_the_prompt_is_not_sent_again(lab: OtherLab) -> None:
    session = lab.spawn("fix the flaky test")
    assert session["prompt_sent"] is True
    assert session["prompt"]["state"] == "durable"
    assert session["conversation"]["id"] == pinned(session)
    lab.request("fix the flaky test")
    lab.idle(session)
    lab.kill_session(session)
    wait_for(lambda: lab.world.show(session["id"])["status"] == "terminated", "it has exited", PATIENCE)

    restored = lab.restore(session)
    assert (restored["resumed"], restored["prompt_sent"]) == (True, False)
    sent = lab.send(session, "go on")
    assert sent.code == 0, sent.err
    assert lab.request("go on").said == ["fix the flaky test", "go on"]
    assert lab.api.prompts() == ["fix the flaky test", "go on"]
    assert len(lab.clients()) == 1


def test_of_two_in_one_repository_and_one_by_hand_each_goes_on_with_its_own(lab: OtherLab) -> None:
    first = lab.spawn("task one")
    say_by_hand(lab, Path(first["workspace_path"]), "by hand")
    second = lab.spawn("task two")
    for session in (first, second):
        lab.idle(session)
    lab.world.kill_server()
    for session, words in ((first, "task one"), (second, "task two")):
        assert lab.restore(session)["resumed"] is True
        sent = lab.send(session, f"more of {words}")
        assert sent.code == 0, sent.err
        assert lab.request(f"more of {words}").said == [words, f"more of {words}"]
        named = [pid for pid in lab.clients() if pinned(session) in Path(f"/proc/{pid}/cmdline").read_text()]
        assert len(named) == 1


def test_a_client_that_was_killed_before_its_prompt_gets_it_at_the_restore(lab: OtherLab) -> None:
    done = lab.world.run("spawn", "fix it", "--json", env={"ROUSER_PROMPT_TIMEOUT": "0.1"})
    assert done.code in {0, 15, 16}, done.err
    (session,) = lab.world.ls()
    lab.kill_session(lab.world.show(session["id"]))
    restored = lab.restore(session)
    assert (restored["resumed"], restored["prompt_sent"]) == (False, True)
    assert restored["conversation"]["id"] == pinned(session)
    lab.request("fix it")
    assert lab.api.prompts() == ["fix it"]


def test_a_conversation_by_hand_is_discovered_and_adopted_into_another_directory(lab: OtherLab) -> None:
    pid = say_by_hand(lab, lab.world.repository, "by hand")
    live = discovered(lab, "by hand")
    assert live["pid"] == pid
    lab.world.kill_server()
    wait_for(lambda: not lab.clients(), "the clients are gone", PATIENCE)
    assert discovered(lab, "by hand")["alive"] is False
    (adopted,) = lab.world.ok("adopt", live["id"], "--worktree", "--json").json
    assert lab.restore(adopted)["resumed"] is True
    sent = lab.send(adopted, "go on")
    assert sent.code == 0, sent.err
    request = lab.request("go on")
    assert request.said == ["by hand", "go on"]
    assert adopted["workspace_path"] in json.dumps(request.body["messages"][0])


def discovered(lab: OtherLab, words: str) -> dict[str, Any]:
    found = lab.world.ok("discover", "--json").json
    return next(dict(item) for item in found if item["first_words"] == words)


def test_a_conversation_that_another_process_was_started_for_is_refused_naming_it(lab: OtherLab) -> None:
    session = lab.spawn("fix it")
    lab.idle(session)
    lab.kill_session(session)
    pid = lab.by_hand("mine", Path(session["workspace_path"]), "--session", pinned(session))
    wait_for(lambda: Path(f"/proc/{pid}/comm").read_text().startswith("opencode"), "it is the client", PATIENCE)
    done = lab.world.run("restore", session["id"])
    assert done.code == 19
    assert f"process {pid}" in done.err


def test_prompts_and_messages_arrive_as_they_are(lab: OtherLab) -> None:
    session = lab.spawn_file("x" * 1_000_000)
    assert session["prompt"]["state"] == "durable"
    for name, text in TRICKY.items():
        path = lab.world.root / "message"
        path.write_text(text)
        done = lab.world.run("send", session["id"], "--file", str(path))
        assert done.code == 0, (name, done.err)
    wait_for(lambda: texts_of(lab) == ["x" * 1_000_000, *TRICKY.values()], "all have arrived", PATIENCE)
    reads = [message for message in lab.api.requests[-1].body["messages"] if message["role"] == "tool"]
    assert len(reads) == 2  # of the prompt and of the escape sequence; it did not ask whether it may
    assert all(text.count("x") > 1_000 or "red" in text for text in map(json.dumps, reads))
    assert lab.made_files() == []


def texts_of(lab: OtherLab) -> list[str]:
    """Return what reached the model, prompt by prompt: said to it, or in the file that it was pointed to."""
    found = []
    for text in lab.api.prompts():
        named = re.search(r"(/\S+/tool-output/rouser-\S+\.md)\s*$", text)
        said = Path(named.group(1)).read_text() if named else text.removeprefix(PREFACE)
        found.append(said.removesuffix(" "))
    return found


def test_activity_follows_the_client_and_nothing_is_typed_into_a_busy_one(lab: OtherLab) -> None:
    session = lab.spawn("ANSWER-HANG")
    lab.request("ANSWER-HANG")
    wait_for(lambda: lab.activity(session) == "active", "it is active", PATIENCE)
    done = lab.world.run("send", session["id"], "--wait", "1", "more")
    assert done.code == 15
    assert "nothing was typed" in done.err
    lab.kill_session(session)
    assert lab.restore(session)["resumed"] is True
    lab.idle(session)
    failed = lab.send(session, "ANSWER-FAIL")
    assert failed.code == 0, failed.err
    wait_for(lambda: lab.activity(session) == "blocked", "it is blocked", PATIENCE)


def test_a_question_for_a_permission_is_reported_and_left_to_the_person(lab: OtherLab) -> None:
    configure(lab, permission={"bash": "ask"})
    session = lab.spawn("ANSWER-RUN")
    wait_for(lambda: "Permission required" in lab.world.ok("logs", session["id"]).out, "it asks", PATIENCE)
    done = lab.world.run("send", session["id"], "--wait", "5", "more")
    assert done.code == 15
    assert "asks for a permission" in done.err
    assert lab.made_files() == []
