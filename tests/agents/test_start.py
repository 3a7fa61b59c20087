"""Started means that the client said so; what keeps it from that is named, and nothing is ever pressed."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from agents.lab import Lab
from support.waiting import wait_for
from support.world import running


@pytest.mark.parametrize(
    ("changes", "arguments", "words", "key"),
    [
        ({"projects": {}}, (), "whether to trust the directory", "Down"),
        ({"customApiKeyResponses": {}}, (), "whether to use the API key", "Up"),
        ({"hasCompletedOnboarding": False}, (), "it was never set up for this user", None),
        ({}, ("--dangerously-skip-permissions",), "whether to run without permissions", "Down"),
    ],
)
def test_a_dialog_is_reported_with_its_remedy_and_left_to_the_person(lab: Lab, changes, arguments, words, key) -> None:
    lab.configure(**changes)
    done = lab.world.run("spawn", "fix it", "--", *arguments)
    assert done.code == 16
    assert words in done.err
    assert "rouser attach" in done.err
    assert "Its last lines: " in done.err
    (session,) = lab.world.ls()
    assert session["alive"] is True
    assert session["prompt"]["state"] == "handed_over"
    assert lab.api.prompts() == []

    again = lab.world.run("restore", session["id"])
    assert again.code == 7
    if key is None:
        return
    lab.world.tmux("send-keys", "-t", f"={session['runtime_name']}:", key)
    wait_for(lambda: "\u276f Yes" in lab.screen(session), "the other answer is chosen")
    lab.world.tmux("send-keys", "-t", f"={session['runtime_name']}:", "Enter")
    assert lab.answered(1) == ["fix it"]


def test_a_client_that_nobody_is_logged_in_to_is_reported(lab: Lab) -> None:
    del lab.world.extra["ANTHROPIC_API_KEY"]
    done = lab.world.run("spawn", "fix it")
    assert done.code in {0, 16}
    (session,) = lab.world.ls()
    wait_for(lambda: lab.world.show(session["id"])["activity"] == "blocked", "the client is seen to be blocked")


def test_the_choice_of_a_login_is_reported_and_left_to_the_person(lab: Lab) -> None:
    del lab.world.extra["ANTHROPIC_API_KEY"]
    session = lab.spawn("")
    lab.world.tmux("send-keys", "-t", f"={session['runtime_name']}:", "-l", "/login")
    wait_for(lambda: "\u276f /login" in lab.screen(session), "the command is typed")
    lab.world.tmux("send-keys", "-t", f"={session['runtime_name']}:", "Enter")
    wait_for(lambda: "Select login method" in lab.screen(session), "it asks for a login")
    done = lab.world.run("send", session["id"], "--wait", "1", "more")
    assert done.code == 15
    assert "nobody is logged in; answer it there: rouser attach" in done.err
    assert "Select login method" in lab.screen(session)


def test_a_client_that_ends_at_once_is_reported_with_its_words(lab: Lab) -> None:
    done = lab.world.run("spawn", "fix it", "--", "--no-such-option")
    assert done.code == 16
    assert "unknown option '--no-such-option'" in done.err


def test_a_client_that_does_not_know_the_conversation_after_all_is_reported(lab: Lab) -> None:
    lab.wrap_client(":")
    session = lab.spawn("fix it")
    lab.answered(1)
    lab.kill_clients()
    lab.wrap_client(f"rm {lab.transcript(session['id'])}")
    done = lab.world.run("restore", session["id"])
    assert done.code == 16
    assert "it does not know the conversation" in done.err
    assert f"No conversation found with session ID: {session['id']}" in done.err
    lab.wrap_client(":")
    assert lab.restore(session)["prompt_sent"] is True


def test_what_an_outer_agent_and_an_outer_tmux_set_does_not_reach_the_client(lab: Lab) -> None:
    outer = {
        "CLAUDECODE": "1",
        "CLAUDE_CODE_CHILD_SESSION": "1",
        "CLAUDE_CODE_SESSION_ID": "another",
        "CLAUDE_CODE_ENTRYPOINT": "cli",
        "TMUX": "/nowhere,1,0",
        "TMUX_PANE": "%99",
    }
    lab.world.extra |= outer
    session = lab.spawn("fix it")
    assert session["prompt"]["state"] == "durable"  # it would keep no transcript
    pairs = Path(f"/proc/{lab.pid(session)}/environ").read_text().split("\0")
    inherited = {name for name, value in outer.items() if f"{name}={value}" in pairs}
    assert inherited == set()
    assert "CLAUDE_CODE_FORCE_SESSION_PERSISTENCE=1" in pairs


def test_a_conversation_that_another_process_has_open_is_refused_naming_it(lab: Lab) -> None:
    session = lab.spawn("fix it")
    lab.request("fix it")
    lab.kill_session(session)
    lab.by_hand("mine", lab.world.repository, "--resume", session["id"])
    pid = int(lab.world.tmux("list-panes", "-t", "=mine:", "-F", "#{pane_pid}"))
    wait_for(lambda: lab.clients() == [pid], "the client by hand is launched, and has not registered yet")

    for options in ((), ("--dry-run",), ("--force",)):
        done = lab.world.run("restore", session["id"], *options)
        assert done.code == 19
        assert f"process {pid}" in done.err
    assert lab.clients() == [pid]

    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not running(pid), "the client by hand is gone")
    assert lab.restore(session)["resumed"] is True
    assert len(lab.clients()) == 1


def test_activity_follows_the_client(lab: Lab) -> None:
    session = lab.spawn("ANSWER-HANG", arguments=("--permission-mode", "default"))

    def activity() -> str:
        (listed,) = lab.world.ls()
        return str(listed["activity"])

    wait_for(lambda: activity() == "active", "it is active")
    lab.world.tmux("send-keys", "-t", f"={session['runtime_name']}:", "Escape")
    wait_for(lambda: activity() == "ready", "it is ready")
    assert lab.send(session, "ANSWER-ASK").code == 0
    wait_for(lambda: activity() == "waiting_input", "it waits for an answer")
    lab.world.tmux("send-keys", "-t", f"={session['runtime_name']}:", "Escape")
    wait_for(lambda: activity() == "ready", "it is ready again")
    assert lab.send(session, "ANSWER-RUN").code == 0
    wait_for(lambda: activity() == "waiting_input", "it waits for a permission")
    lab.world.tmux("send-keys", "-t", f"={session['runtime_name']}:", "Escape")
    wait_for(lambda: activity() == "ready", "it is ready once more")
    assert lab.send(session, "ANSWER-FAIL").code == 0
    wait_for(lambda: activity() == "blocked", "it is stopped by an error")
    os.kill(lab.pid(session), signal.SIGKILL)
    wait_for(lambda: activity() == "exited", "it has exited")
    assert lab.world.ls()[0]["status"] == "terminated"


def test_a_client_that_died_in_a_pane_that_lives_on_has_exited(lab: Lab) -> None:
    """As with a client that was started from a shell."""
    lab.wrap_client(":", after="exec cat")
    session = lab.spawn("fix it")
    lab.request("fix it")
    (pid,) = lab.clients()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: lab.world.show(session["id"])["status"] == "terminated", "it is seen to have exited")
    assert lab.restore(session)["resumed"] is True
    assert lab.send(session, "go on").code == 0
    assert lab.request("go on").said == ["fix it", "go on"]


def test_the_users_own_hooks_run_next_to_ours(lab: Lab) -> None:
    settings = {"hooks": {"UserPromptSubmit": [{"hooks": [{"type": "command", "command": "echo > hooked"}]}]}}
    lab.home.mkdir(exist_ok=True)
    (lab.home / "settings.json").write_text(json.dumps(settings))
    own = json.dumps({"hooks": {"SessionStart": [{"hooks": [{"type": "command", "command": "echo > started"}]}]}})
    session = lab.spawn("fix it", arguments=("--settings", own))
    assert session["prompt"]["state"] == "durable"
    found = {path.name for path in (lab.world.root / "wt").rglob("*") if path.name in {"hooked", "started"}}
    assert found == {"hooked", "started"}
