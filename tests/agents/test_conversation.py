"""The right conversation comes back, whatever else happens to conversations around it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
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
    told = lab.world.ok("show", session["id"]).out
    assert "pinned at spawn, transcript has 2 turns" in told
    assert re.search("prompt_durable.*message_queued.*message_durable", told, re.DOTALL)


def test_a_prompt_that_the_resumed_conversation_lacks_is_sent_once(lab: Lab) -> None:
    session = lab.spawn("fix the flaky test")
    lab.answered(1)
    lab.kill_session(session)
    transcript = lab.transcript(session["id"])
    transcript.write_text(transcript.read_text().replace('"fix the flaky test"', '"something else"'))

    restored = lab.restore(session)
    assert (restored["resumed"], restored["prompt_sent"]) == (True, True)
    assert restored["prompt"]["state"] == "durable"
    assert lab.request("fix the flaky test").said == ["fix the flaky test"]
    wait_for(lambda: len(lab.api.prompts()) == 2, "it has arrived")
    assert lab.api.requests[-1].said == ["something else", "fix the flaky test"]
    lab.kill_session(session)
    assert lab.restore(session)["prompt_sent"] is False
    assert len(lab.api.prompts()) == 2


def cut_down(lab: Lab, conversation_id: str, left: str) -> None:
    """Take from a conversation's transcript what a client that is killed early has not written yet."""
    path = lab.find_transcript(conversation_id)
    if path is None or left == "everything":
        return
    if left == "nothing":
        path.unlink()
    else:
        path.write_text('{"type":"mode","mode":"normal"}\n')


def clear(lab: Lab, session: dict[str, Any]) -> None:
    lab.idle(session)
    lab.world.tmux("send-keys", "-t", f"={session['runtime_name']}:", "/clear", "Enter")
    wait_for(
        lambda: lab.world.show(session["id"])["conversation"]["id"] != session["id"], "the client reported the new id"
    )


@pytest.mark.parametrize("left", ["everything", "metadata", "nothing"])
def test_after_clear_alone_the_empty_conversation_comes_back_without_the_prompt(lab: Lab, left: str) -> None:
    """However much of it the client had written down when it was killed."""
    session = lab.spawn("fix the flaky test")
    clear(lab, session)
    conversation_id = lab.world.show(session["id"])["conversation"]["id"]
    lab.kill_session(session)
    cut_down(lab, conversation_id, left)
    planned = lab.restore(session, "--dry-run")
    assert planned["evidence"]["conversation"].startswith((conversation_id, f"fresh   {conversation_id}"))
    assert "reported by the client (clear)" in planned["evidence"]["conversation"]
    for _ in range(2):  # the client that is started for it may be killed early as well
        restored = lab.restore(session)
        assert restored["prompt_sent"] is False
        assert restored["prompt"]["state"] == "durable"
        assert restored["conversation"]["id"] == conversation_id
        lab.kill_session(session)
    lab.restore(session)
    assert lab.send(session, "go on").code == 0
    assert lab.request("go on").said == ["go on"]
    assert lab.api.prompts() == ["fix the flaky test", "go on"]


def test_below_the_floor_a_restore_starts_afresh_and_says_so(lab: Lab) -> None:
    session = lab.spawn("fix the flaky test")
    clear(lab, session)
    lab.kill_session(session)
    lab.world.extra["ROUSER_MINIMUM_EVIDENCE"] = "pinned"
    done = lab.world.ok("restore", session["id"])
    assert "was found only by hook, less than pinned: starting afresh" in done.err
    assert lab.answered(2) == ["fix the flaky test"] * 2
    assert lab.world.show(session["id"])["conversation"]["id"] not in {None, session["id"]}


def test_when_its_transcript_is_gone_nobody_elses_conversation_is_resumed(lab: Lab) -> None:
    session = lab.spawn("fix the flaky test")
    place = Path(session["workspace_path"])
    lab.by_hand("mine", place, "--", "by hand")
    wait_for(lambda: any('"by hand"' in path.read_text() for path in lab.transcripts()), "it is written down")
    lab.kill_clients()
    lab.transcript(session["id"]).unlink()
    restored = lab.restore(session)
    assert (restored["resumed"], restored["prompt_sent"]) == (False, True)
    assert "found only by newest_file" in " ".join(restored["warnings"])
    assert lab.send(session, "go on").code == 0
    assert lab.request("go on").said == ["fix the flaky test", "go on"]


def test_sessions_whose_directories_were_moved_never_get_the_wrong_conversation(lab: Lab) -> None:
    sessions = [lab.spawn(f"task {number}") for number in range(2)]
    lab.answered(2)
    lab.kill_clients()
    places = [Path(session["workspace_path"]) for session in sessions]
    places[0].rename(places[0].with_name("moved"))
    places[1].rename(places[0])
    refused = lab.world.run("restore", sessions[0]["id"])
    assert f"{places[0]} is in the way" in refused.err
    come_back(lab, sessions[1], 1)
    places[0].rename(places[0].with_name("out-of-the-way"))
    come_back(lab, sessions[0], 0)


def come_back(lab: Lab, session: dict[str, Any], number: int) -> None:
    """Restore the session of ``task NUMBER`` and insist that it goes on with its own conversation."""
    assert lab.restore(session)["resumed"] is True
    assert lab.send(session, f"more of {number}").code == 0
    assert lab.request(f"more of {number}").said == [f"task {number}", f"more of {number}"]


def test_after_clear_the_new_conversation_comes_back_without_the_prompt(lab: Lab) -> None:
    session = lab.spawn("fix the flaky test")
    clear(lab, session)
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
