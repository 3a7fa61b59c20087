"""The real Gemini CLI: its own conversation, the prompt once, through crashes."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from agents.others.generate_content import GenerateContentApi
from agents.others.lab import OtherLab, new_lab
from support.waiting import wait_for
from support.world import running

GEMINI = os.environ.get("ROUSER_TEST_GEMINI", "")
pytestmark = pytest.mark.skipif(not GEMINI, reason="needs the real client: make test-agents")

PREFACE = "The task, word for word:\n\n"
TRICKY = {
    "quotes": "'single' \"double\" `id` $(id) $HOME",
    "quoted": '"all of it"',
    "lines": "first\n\nthird\nfourth\nfifth\n\nseventh",
    "tabs": "a\tb\n\tc",
    "emoji": "🦀 é 中文",
    "dash": "-p --help",
    "slash": "/help",
    "bang": "!touch made-by-bang",
    "semicolon": "end;",
    "formats": "#{pane_id} #(touch made-by-tmux) %%",
    "backslash": "ends in \\",
    "file": "@README and @/etc/hostname",
}


def configure(lab: OtherLab, **more: object) -> None:
    home = lab.user / ".gemini"
    home.mkdir(exist_ok=True)
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
        "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
        "privacy": {"usageStatisticsEnabled": False},
    }
    (home / "settings.json").write_text(json.dumps(settings | more))


@pytest.fixture
def lab() -> Iterator[OtherLab]:
    api = GenerateContentApi()
    extra = {"GEMINI_API_KEY": "fake-key-for-loopback-tests", "GOOGLE_GEMINI_BASE_URL": api.address}
    with new_lab("gemini", GEMINI, api, extra) as made:
        configure(made)
        yield made


def end(lab: OtherLab, session: dict[str, object]) -> None:
    """End the session's client the hard way; it consists of two processes."""
    pids = lab.clients()
    for pid in [int(lab.pid(session)), *pids]:
        if running(pid):
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not lab.clients(), "the client is gone")


def test_a_killed_client_comes_back_in_its_own_conversation_and_the_prompt_is_not_sent_again(lab: OtherLab) -> None:
    session = lab.spawn("fix the flaky test")
    assert session["prompt_sent"] is True
    assert session["prompt"]["state"] == "durable"
    assert session["conversation"]["id"] == session["id"]
    lab.request("fix the flaky test")
    lab.idle(session)
    end(lab, session)

    restored = lab.restore(session)
    assert (restored["resumed"], restored["prompt_sent"]) == (True, False)
    sent = lab.send(session, "go on")
    assert sent.code == 0, sent.err
    assert lab.request("go on").said == ["fix the flaky test", "go on"]
    assert lab.api.prompts() == ["fix the flaky test", "go on"]


def test_of_two_in_one_directory_and_one_by_hand_each_goes_on_with_its_own(lab: OtherLab) -> None:
    first = lab.spawn("task one")
    lab.idle(first)
    lab.by_hand("mine", Path(first["workspace_path"]), "-i", "by hand")
    lab.request("by hand")
    second = lab.spawn("task two")
    lab.idle(second)
    pids = {session["id"]: int(lab.pid(session)) for session in (first, second)}
    lab.world.kill_server()
    for session, words in ((first, "task one"), (second, "task two")):
        done = lab.world.run("restore", session["id"])
        if running(pids[session["id"]]):  # mostly, the client lives on without its terminal
            assert done.code == 8
            assert "rouser kill" in done.err
            lab.world.ok("kill", session["id"])
            assert lab.restore(session)["resumed"] is True
        assert not running(pids[session["id"]])
        sent = lab.send(session, f"more of {words}")
        assert sent.code == 0, sent.err
        assert lab.request(f"more of {words}").said == [words, f"more of {words}"]
        named = [pid for pid in lab.clients() if session["id"] in Path(f"/proc/{pid}/cmdline").read_text()]
        assert len(named) == 2  # one client is two processes


def test_a_client_that_outlived_its_terminal_is_ended_by_a_forced_restore(lab: OtherLab) -> None:
    session = lab.spawn("fix it")
    for _ in range(10):
        lab.idle(session)
        before = lab.clients()
        lab.world.kill_server()
        done = lab.world.run("restore", session["id"])
        if done.code:
            break
        assert not set(before) & set(lab.clients())  # now and then, the client ends with its terminal
    assert done.code == 8
    assert lab.clients() == before
    assert lab.restore(session, "--force")["resumed"] is True
    assert not set(before) & set(lab.clients())
    sent = lab.send(session, "go on")
    assert sent.code == 0, sent.err
    assert lab.request("go on").said == ["fix it", "go on"]


def test_a_dead_conversation_by_hand_is_discovered_and_adopted(lab: OtherLab) -> None:
    lab.by_hand("mine", lab.world.repository, "-i", "by hand")
    lab.request("by hand")
    lab.world.kill_server()
    for pid in lab.clients():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not lab.clients(), "the client is gone")
    (found,) = lab.world.ok("discover", "--json").json
    assert (found["first_words"], found["alive"]) == ("by hand", False)
    (adopted,) = lab.world.ok("adopt", "--all", "--json").json
    assert adopted["conversation"]["id"] == found["id"]
    assert lab.restore(adopted)["resumed"] is True
    sent = lab.send(adopted, "go on")
    assert sent.code == 0, sent.err
    assert lab.request("go on").said == ["by hand", "go on"]


def test_a_stub_of_a_crash_before_the_prompt_is_moved_aside_and_the_prompt_sent(lab: OtherLab) -> None:
    session = lab.spawn("")
    end(lab, session)
    (stub,) = lab.user.glob(".gemini/tmp/*/chats/*.jsonl")
    planned = lab.restore(session, "--dry-run")
    assert "stub" in planned["evidence"]["conversation"]
    assert stub.exists()
    restored = lab.restore(session)
    assert restored["resumed"] is False
    sent = lab.send(session, "begin")
    assert sent.code == 0, sent.err
    assert lab.request("begin").said == ["begin"]


def test_a_conversation_that_another_process_was_started_for_is_refused_naming_it(lab: OtherLab) -> None:
    session = lab.spawn("fix it")
    lab.idle(session)
    end(lab, session)
    pid = lab.by_hand("mine", Path(session["workspace_path"]), "--resume", session["id"])
    wait_for(lambda: Path(f"/proc/{pid}/exe").resolve().name == "node", "the client by hand has begun")
    done = lab.world.run("restore", session["id"])
    assert done.code == 19
    assert f"process {pid}" in done.err


def test_a_conversation_that_a_resume_began_anew_and_left_without_words_comes_back(lab: OtherLab) -> None:
    session = lab.spawn("fix it")
    lab.idle(session)
    end(lab, session)
    # A client that takes its terminal for none ends as soon as it has begun its record, here in the one that it
    # resumes, as long as the minute of the spawn lasts.
    lab.by_hand("mine", Path(session["workspace_path"]), "--resume", session["id"], more=("CI=true",))
    wait_for(lambda: not lab.clients(), "the client by hand has ended", 60)
    assert lab.restore(session)["resumed"] is True
    sent = lab.send(session, "go on")
    assert sent.code == 0, sent.err
    assert lab.request("go on").said == ["fix it", "go on"]


def test_prompts_and_messages_arrive_as_they_are(lab: OtherLab) -> None:
    session = lab.spawn_file(TRICKY["file"])
    assert session["prompt"]["state"] == "durable"
    for text in TRICKY.values():
        path = lab.world.root / "message"
        path.write_text(text)
        done = lab.world.run("send", session["id"], "--file", str(path))
        assert done.code == 0, (text, done.err)
    wait_for(lambda: texts_of(lab) == [TRICKY["file"], *TRICKY.values()], "all have arrived", 30)
    reads = [item for item in lab.api.requests if "functionResponse" in json.dumps(item.body["contents"][-1])]
    assert any("/etc/hostname" in json.dumps(item.body["contents"][-1]) for item in reads)
    end(lab, session)
    for name in ("quotes", "quoted", "slash", "bang", "dash", "tabs"):
        session = lab.spawn_file(TRICKY[name])
        assert session["prompt"]["state"] == "durable", name
        wait_for(lambda name=name: texts_of(lab)[-1] == TRICKY[name], f"{name} has arrived", 30)
        lab.idle(session)
        end(lab, session)
    assert lab.made_files() == []


def texts_of(lab: OtherLab) -> list[str]:
    """Return what reached the model, prompt by prompt: said to it, or in the file that it was pointed to."""
    found = []
    for text in lab.api.prompts():
        named = re.search(r"(/\S+/gemini/\S+\.md)\s*$", text)
        found.append(Path(named.group(1)).read_text() if named else text.removeprefix(PREFACE))
    return found


def test_activity_follows_the_client(lab: OtherLab) -> None:
    session = lab.spawn("ANSWER-HANG")
    wait_for(lambda: lab.activity(session) == "active", "it is active")
    done = lab.world.run("send", session["id"], "--wait", "1", "more")
    assert done.code == 15
    assert "nothing was typed" in done.err
    end(lab, session)
    wait_for(lambda: lab.world.show(session["id"])["status"] == "terminated", "it has exited")
    restored = lab.restore(session)
    assert restored["resumed"] is True
    lab.idle(session)


def test_the_trust_dialog_is_reported_and_left_to_the_person(lab: OtherLab) -> None:
    configure(lab, security={"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": True}})
    session = lab.world.run("spawn", "fix it", "--json")
    (shown,) = lab.world.ls()
    wait_for(lambda: "Do you trust" in lab.world.ok("logs", shown["id"]).out, "the dialog is there", 30)
    assert session.code in {0, 16}  # the client takes the prompt first, so it may be quicker than its own dialog
    done = lab.world.run("send", shown["id"], "--wait", "5", "more")
    assert done.code == 15
    assert "whether to trust the directory" in done.err
