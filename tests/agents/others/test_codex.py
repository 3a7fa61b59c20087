"""The real Codex: its own conversation, the prompt once, through crashes."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from agents.others.lab import OtherLab, new_lab
from agents.others.responses import ResponsesApi
from support.waiting import wait_for
from support.world import running

CODEX = os.environ.get("ROUSER_TEST_CODEX", "")
pytestmark = pytest.mark.skipif(not CODEX, reason="needs the real client: make test-agents")

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
    "file": "@README and @/etc/hostname",
    "20000 bytes": ("line of thirty-one characters..\n" * 625)[:-1] + "x",
}


def configure(lab: OtherLab, *trusted: Path) -> None:
    home = lab.user / ".codex"
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(
        'model = "stand-in"\nmodel_provider = "stand-in"\n'
        f'[model_providers.stand-in]\nname = "stand-in"\nbase_url = "{lab.api.address}/v1"\n'
        'env_key = "STAND_IN_KEY"\nwire_api = "responses"\n'
        + "".join(f'[projects."{path}"]\ntrust_level = "trusted"\n' for path in trusted)
    )


@pytest.fixture
def lab() -> Iterator[OtherLab]:
    with new_lab("codex", CODEX, ResponsesApi(), {"STAND_IN_KEY": "fake-key-for-loopback-tests"}) as made:
        configure(made, made.world.repository)
        yield made


def rollouts(lab: OtherLab) -> list[Path]:
    return sorted(lab.user.glob(".codex/sessions/*/*/*/*.jsonl"))


def test_a_killed_client_comes_back_in_its_own_conversation_and_the_prompt_is_not_sent_again(lab: OtherLab) -> None:
    session = lab.spawn("fix the flaky test")
    assert session["prompt_sent"] is True
    assert session["prompt"]["state"] == "durable"
    assert session["conversation"]["evidence"] == "process"
    lab.request("fix the flaky test")
    lab.kill_session(session)

    restored = lab.restore(session)
    assert (restored["resumed"], restored["prompt_sent"]) == (True, False)
    assert restored["conversation"]["id"] == session["conversation"]["id"]
    sent = lab.send(session, "go on")
    assert sent.code == 0, sent.err
    assert lab.request("go on").said == ["fix the flaky test", "go on"]
    assert lab.api.prompts() == ["fix the flaky test", "go on"]
    assert len(rollouts(lab)) == 1


def test_of_two_in_one_directory_and_one_by_hand_each_goes_on_with_its_own(lab: OtherLab) -> None:
    first = lab.spawn("task one")
    place = Path(first["workspace_path"])
    lab.by_hand("mine", place, "--no-daemon", "--", "by hand")
    lab.request("by hand")
    second = lab.spawn("task two")
    lab.world.kill_server()
    wait_for(lambda: not lab.clients(), "all clients are gone")

    results = lab.world.ok("restore", "--all", "--json").json
    assert [item["resumed"] for item in results] == [True, True]
    for session, words in ((first, "task one"), (second, "task two")):
        sent = lab.send(session, f"more of {words}")
        assert sent.code == 0, sent.err
        assert lab.request(f"more of {words}").said == [words, f"more of {words}"]


def test_a_client_that_was_killed_before_rouser_saw_it_is_still_told_apart(lab: OtherLab) -> None:
    """As when rouser itself is killed in the middle of a spawn: nothing is recorded, and the prompt was sent."""
    process = lab.world.start("spawn", "unseen")
    try:
        lab.request("unseen")
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=20)
    (session,) = lab.world.ls()
    lab.kill_session(session)
    restored = lab.restore(session)
    assert (restored["resumed"], restored["prompt_sent"]) == (True, False)
    assert lab.send(session, "go on").code == 0
    assert lab.request("go on").said == ["unseen", "go on"]


def test_after_new_the_new_conversation_comes_back(lab: OtherLab) -> None:
    session = lab.spawn("first things")
    lab.idle(session)
    pane = f"={session['runtime_name']}:"
    lab.world.tmux("send-keys", "-t", pane, "-l", "/new")
    wait_for(lambda: "/new" in lab.world.ok("logs", session["id"]).out, "it is typed")
    lab.world.tmux("send-keys", "-t", pane, "Enter")
    wait_for(lambda: "Where should" in lab.world.ok("logs", session["id"]).out, "it asks where")
    lab.world.tmux("send-keys", "-t", pane, "Enter")
    first = session["conversation"]["id"]
    wait_for(lambda: lab.world.show(session["id"])["conversation"]["id"] != first, "it has another one open")
    assert lab.send(session, "something else").code == 0
    lab.request("something else")
    lab.kill_session(session)
    restored = lab.restore(session)
    assert (restored["resumed"], restored["prompt_sent"]) == (True, False)
    assert lab.send(session, "go on").code == 0
    assert lab.request("go on").said == ["something else", "go on"]


def test_a_conversation_that_another_process_has_open_is_refused_naming_it(lab: OtherLab) -> None:
    session = lab.spawn("fix it")
    lab.kill_session(session)
    place = Path(session["workspace_path"])
    pid = lab.by_hand("mine", place, "resume", session["conversation"]["id"], "--no-daemon")
    wait_for(lambda: f"process {pid}" in lab.world.run("restore", session["id"], "--dry-run").err, "it is open", 20)
    done = lab.world.run("restore", session["id"])
    assert done.code == 19
    assert lab.clients() == [pid]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not running(pid), "the client by hand is gone")
    assert lab.restore(session)["resumed"] is True


def test_prompts_and_messages_arrive_as_they_are(lab: OtherLab) -> None:
    session = lab.spawn_file(TRICKY["bang"])
    assert lab.request(PREFACE + TRICKY["bang"]).said == [PREFACE + TRICKY["bang"]]
    for text in TRICKY.values():
        lab.idle(session)
        path = lab.world.root / "message"
        path.write_text(text)
        done = lab.world.run("send", session["id"], "--file", str(path))
        assert done.code == 0, (text, done.err)
    wait_for(lambda: texts_of(lab) == [TRICKY["bang"], *TRICKY.values()], "all have arrived", 30)
    lab.kill_session(session)
    for name in ("lines", "quotes", "slash", "dash", "tabs"):
        session = lab.spawn_file(TRICKY[name])
        assert session["prompt"]["state"] == "durable", name
        wait_for(lambda name=name: texts_of(lab)[-1] == TRICKY[name], f"{name} has arrived", 30)
        lab.kill_session(session)
    assert lab.made_files() == []


def texts_of(lab: OtherLab) -> list[str]:
    """Return what reached the model, prompt by prompt: said to it, or in the file that it was pointed to."""
    found = []
    for text in lab.api.prompts():
        named = re.search(r"(/\S+/codex/\S+\.md)\s*$", text)
        found.append(Path(named.group(1)).read_text() if named else text.removeprefix(PREFACE).rstrip(" "))
    return found


@pytest.mark.parametrize("size", [131_000, 131_100])
def test_large_prompts_arrive_whole(lab: OtherLab, size: int) -> None:
    text = ("0123456789abcde\n" * (size // 16 + 1))[: size - 1] + "z"
    session = lab.spawn_file(text)
    assert session["prompt"]["state"] == "durable"
    wait_for(lambda: texts_of(lab) == [text], "it has arrived", 30)


def test_activity_follows_the_client(lab: OtherLab) -> None:
    session = lab.spawn("ANSWER-HANG")
    wait_for(lambda: lab.activity(session) == "active", "it is active")
    done = lab.world.run("send", session["id"], "--wait", "1", "more")
    assert done.code == 15
    assert "nothing was typed" in done.err
    lab.world.tmux("send-keys", "-t", f"={session['runtime_name']}:", "Escape")
    lab.idle(session)
    assert lab.send(session, "ANSWER-RUN").code == 0
    wait_for(lambda: lab.activity(session) == "waiting_input", "it waits for an answer")
    lab.world.tmux("send-keys", "-t", f"={session['runtime_name']}:", "Escape")
    lab.idle(session)
    assert lab.send(session, "ANSWER-FAIL").code == 0
    wait_for(lambda: lab.activity(session) == "blocked", "it is blocked")
    lab.kill_session(session)
    wait_for(lambda: lab.world.show(session["id"])["status"] == "terminated", "it has exited")


def test_the_trust_dialog_is_reported_and_left_to_the_person(lab: OtherLab) -> None:
    configure(lab)
    done = lab.world.run("spawn", "fix it")
    assert done.code == 16
    assert "whether to trust the directory" in done.err
    (session,) = lab.world.ls()
    assert session["alive"] is True
    lab.world.tmux("send-keys", "-t", f"={session['runtime_name']}:", "Enter")
    lab.request("fix it")
    assert lab.api.prompts() == ["fix it"]


def test_nobody_logged_in_is_reported(lab: OtherLab) -> None:
    (lab.user / ".codex" / "config.toml").write_text(f'[projects."{lab.world.repository}"]\ntrust_level = "trusted"\n')
    done = lab.world.run("spawn", "fix it")
    assert done.code == 16
    assert "nobody is logged in" in done.err


def test_conversations_by_hand_are_discovered_and_adopted(lab: OtherLab) -> None:
    live = lab.by_hand("mine", lab.world.repository, "--no-daemon", "--", "live one")
    dead = lab.by_hand("other", lab.world.repository, "--no-daemon", "--", "dead one")
    lab.request("live one")
    lab.request("dead one")
    os.kill(dead, signal.SIGKILL)
    wait_for(lambda: not running(dead), "one is dead")
    found = {item["first_words"]: item for item in lab.world.ok("discover", "--json").json}
    assert {words: item["pid"] for words, item in found.items()} == {"live one": live, "dead one": None}
    adopted = lab.world.ok("adopt", "--all", "--json").json
    assert {item["alive"] for item in adopted} == {True, False}
    lab.world.kill_server()
    wait_for(lambda: not lab.clients(), "all are gone")
    for item in lab.world.ok("restore", "--all", "--json").json:
        words = next(words for words, one in found.items() if one["id"] == item["conversation"]["id"])
        assert item["resumed"] is True
        assert lab.send(item, f"more of the {words}").code == 0
        assert lab.request(f"more of the {words}").said == [words, f"more of the {words}"]
