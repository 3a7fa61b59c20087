"""Real clients that were started by hand are taken in, and each goes on with its own conversation."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Iterable
from pathlib import Path

import pytest
from agents.lab import CLIENT, Lab
from support.waiting import wait_for
from support.world import running

SHARED = 4  # of the ten run in one directory


class Hands:
    """A person who types the client's name into the shells of one tmux session."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def place(self, number: int) -> Path:
        return self.lab.world.repository if number < SHARED else self.lab.world.root / f"d{number}"

    def start(self, numbers: Iterable[int]) -> dict[int, str]:
        """Start clients with a task each, and return their conversations' ids once each has its answer."""
        numbers = list(numbers)
        places = {str(self.place(number)): {"hasTrustDialogAccepted": True} for number in numbers}
        self.lab.configure(projects=places)
        world = self.lab.world
        for number in numbers:
            self.place(number).mkdir(exist_ok=True)
            window = (
                ("new-window", "-d", "-t", "=mine:")
                if "mine" in world.tmux_sessions()
                else ("new-session", "-d", "-s", "mine")
            )
            shell = ("env", "ENV=", "PS1=shell>", "sh", "-i")
            world.tmux(*window, "-n", f"w{number}", "-c", str(self.place(number)), *shell)
            wait_for(lambda number=number: "shell>" in self.screen(number), "the shell listens")
            world.tmux("send-keys", "-t", f"=mine:w{number}", f"{shlex.quote(CLIENT)} 'task {number}'", "Enter")
            self.lab.request(f"task {number}")
        return {number: wait_for(lambda number=number: self.find(number), "it is answered", 30) for number in numbers}

    def screen(self, number: int) -> str:
        return self.lab.world.tmux("capture-pane", "-p", "-t", f"=mine:w{number}")

    def find(self, number: int) -> str:
        for path in self.lab.home.glob("projects/*/*.jsonl"):
            text = path.read_text()
            if f'"content":"task {number}"' in text and '"type":"assistant"' in text:
                return path.stem
        return ""

    def live(self) -> dict[str, int]:
        found = self.lab.world.ok("discover", "--live", "--json").json
        return {item["id"]: item["pid"] for item in found}


@pytest.fixture
def hands(lab: Lab) -> Hands:
    return Hands(lab)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("while_they_run", [False, True], ids=["after the crash", "while they run"])
def test_ten_of_ten_continue_their_own_conversation(lab: Lab, hands: Hands, while_they_run: bool) -> None:
    world = lab.world
    ids = hands.start(range(10))
    pids = hands.live()
    assert set(pids) == set(ids.values())
    for number in (3, 5, 8):
        os.kill(pids[ids[number]], signal.SIGKILL)
        wait_for(lambda number=number: not running(pids[ids[number]]), "it has ended")
    panes = world.tmux("list-panes", "-a", "-F", "#{pane_id} #{pane_pid} #{session_name}")
    if while_they_run:
        adopted = world.ok("adopt", "--all", "--json").json
        assert sum(item["alive"] for item in adopted) == 7
        assert world.tmux("list-panes", "-a", "-F", "#{pane_id} #{pane_pid} #{session_name}") == panes
    world.kill_server()
    wait_for(lambda: not any(running(pid) for pid in pids.values()), "they have died with their server")
    if not while_they_run:
        assert len(world.ok("discover", "--json").json) == 10
        adopted = world.ok("adopt", "--all", "--json").json
    assert {item["conversation"]["id"] for item in adopted} == set(ids.values())

    restored = {item["conversation"]["id"]: item for item in world.ok("restore", "--all", "--json").json}
    assert set(restored) == set(ids.values())
    for number, identity in ids.items():
        session = restored[identity]
        assert (session["resumed"], session["prompt_sent"]) == (True, False)
        sent = lab.send(session, f"go on {number}")
        assert sent.code == 0, sent.err
        assert lab.request(f"go on {number}").said == [f"task {number}", f"go on {number}"]
    assert sorted(lab.api.prompts()) == sorted(
        f"{words} {number}" for words in ("task", "go on") for number in range(10)
    )
    assert len(lab.clients()) == 10


def test_a_live_client_in_a_shell_is_adopted_spoken_to_and_killed_and_the_shell_stays(lab: Lab, hands: Hands) -> None:
    identity = hands.start([1])[1]
    (session,) = lab.world.ok("adopt", identity, "--json").json
    assert session["alive"] is True
    lab.idle(session)
    sent = lab.send(session, "go on")
    assert sent.code == 0, sent.err
    assert lab.request("go on").said == ["task 1", "go on"]
    lab.world.ok("kill", identity)
    assert lab.clients() == []
    assert lab.world.tmux_sessions() == ["mine"]
    wait_for(lambda: hands.screen(1).rstrip().endswith("shell>"), "the shell is back")
    restored = lab.restore(session)
    assert restored["resumed"]
    assert lab.send(session, "once more").code == 0
    assert lab.request("once more").said == ["task 1", "go on", "once more"]


def test_a_conversation_goes_on_in_a_worktree_of_its_own(lab: Lab, hands: Hands) -> None:
    identity = hands.start([1])[1]
    lab.kill_clients()
    (lab.world.repository / "draft").write_text("not committed")
    (session,) = lab.world.ok("adopt", identity, "--worktree", "--json").json
    assert session["workspace_path"] != str(lab.world.repository)
    assert lab.restore(session)["resumed"]
    assert lab.send(session, "go on").code == 0
    assert lab.request("go on").said == ["task 1", "go on"]
    assert Path(f"/proc/{lab.pid(session)}/cwd").resolve() == Path(session["workspace_path"])
    assert lab.world.git("status", "--porcelain") == "?? draft\n"
    lab.kill_clients()
    assert lab.restore(session)["resumed"]
    assert lab.send(session, "once more").code == 0
    assert lab.request("once more").said == ["task 1", "go on", "once more"]


def test_a_conversation_whose_directory_was_moved_waits_for_it(lab: Lab, hands: Hands) -> None:
    identity = hands.start([SHARED])[SHARED]
    lab.kill_clients()
    (session,) = lab.world.ok("adopt", identity, "--json").json
    place = hands.place(SHARED)
    place.rename(place.with_name("moved"))
    refused = lab.world.run("restore", session["id"])
    assert "workspace missing" in refused.err
    assert str(place) in refused.err
    assert lab.clients() == []
    place.with_name("moved").rename(place)
    assert lab.restore(session)["resumed"]
    assert lab.send(session, "go on").code == 0
    assert lab.request("go on").said == [f"task {SHARED}", "go on"]
