"""The right conversation comes back, whatever else happens to conversations around it."""

from __future__ import annotations

from pathlib import Path

from agents.lab import Lab
from support.waiting import wait_for


def test_a_killed_client_comes_back_in_its_own_conversation_and_the_prompt_is_not_sent_again(lab: Lab) -> None:
    session = lab.spawn("fix the flaky test")
    assert session["prompt_sent"] is True
    assert session["prompt"]["state"] == "durable"
    lab.request("fix the flaky test")
    lab.kill_session(session)

    restored = lab.restore(session)
    assert (restored["resumed"], restored["prompt_sent"]) == (True, False)
    assert restored["conversation"]["id"] == session["id"]
    assert lab.send(session, "go on").code == 0
    assert lab.request("go on").said == ["fix the flaky test", "go on"]
    assert lab.api.prompts() == ["fix the flaky test", "go on"]


def test_after_clear_the_new_conversation_comes_back_without_the_prompt(lab: Lab) -> None:
    session = lab.spawn("fix the flaky test")
    lab.idle(session)
    lab.world.tmux("send-keys", "-t", f"={session['runtime_name']}:", "/clear", "Enter")
    wait_for(
        lambda: lab.world.show(session["id"])["conversation"]["id"] != session["id"], "the client reported the new id"
    )
    assert lab.send(session, "something else").code == 0
    lab.request("something else")
    lab.kill_session(session)

    restored = lab.restore(session)
    assert restored["conversation"]["evidence"] == "hook"
    assert (restored["resumed"], restored["prompt_sent"]) == (True, False)
    assert lab.send(session, "go on").code == 0
    assert lab.request("go on").said == ["something else", "go on"]


def test_of_many_sessions_in_one_repository_each_comes_back_in_its_own_conversation(lab: Lab) -> None:
    """A client that a person runs in the worktree of one of them has the newest conversation there."""
    sessions = [lab.spawn(f"task {number}") for number in range(5)]
    lab.answered(5)
    lab.by_hand("mine", Path(sessions[0]["workspace_path"]), "--", "by hand")
    lab.request("by hand")
    lab.world.kill_server()
    wait_for(lambda: not lab.clients(), "all clients are gone")

    results = lab.world.ok("restore", "--all", "--json").json
    assert [item["resumed"] for item in results] == [True] * 5
    for number, session in enumerate(sessions):
        assert lab.send(session, f"more of {number}").code == 0
        assert lab.request(f"more of {number}").said == [f"task {number}", f"more of {number}"]
    assert len(lab.clients()) == 5


def test_a_stub_of_a_crash_right_at_the_start_is_moved_aside_and_the_prompt_sent(lab: Lab) -> None:
    session = lab.spawn("fix it")
    lab.request("fix it")
    lab.kill_session(session)
    path = lab.transcript(session["id"])
    path.write_text('{"type":"mode","mode":"normal","sessionId":"' + session["id"] + '"}\n')
    planned = lab.restore(session, "--dry-run")
    assert "stub" in planned["evidence"]["conversation"]
    assert path.exists()
    restored = lab.restore(session)
    assert (restored["resumed"], restored["prompt_sent"]) == (False, True)
    assert restored["conversation"]["id"] == session["id"]
    assert lab.answered(2) == ["fix it", "fix it"]


def test_the_configuration_directory_of_the_spawning_shell_counts_at_a_restore(lab: Lab) -> None:
    session = lab.spawn("fix it")
    lab.request("fix it")
    lab.kill_session(session)
    elsewhere = {"CLAUDE_CONFIG_DIR": str(lab.world.root / "elsewhere")}
    (restored,) = lab.world.ok("restore", session["id"], "--json", env=elsewhere).json
    assert restored["resumed"] is True
    assert not (lab.world.root / "elsewhere").exists()
