"""Clients that were started by hand are taken in, by the real command, with a stand-in that writes as the client does."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from support.client import Client
from support.waiting import wait_for
from support.world import World, running

SHARED = 4


class Hands:
    """A person who starts clients in the panes of one tmux session."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.client = Client(world.root)
        world.extra.update(self.client.environment)

    def start(self, number: int, directory: Path) -> str:
        """Type the client's name and a task into the shell of a new window; return the conversation's id."""
        directory.mkdir(exist_ok=True)
        first = (
            ("new-session", "-d", "-s", "mine") if "mine" not in self.world.tmux_sessions() else ("new-window", "-d")
        )
        where = () if first[0] == "new-session" else ("-t", "=mine:")
        self.world.tmux(
            *first, *where, "-n", f"w{number}", "-c", str(directory), "env", "ENV=", "PS1=shell>", "sh", "-i"
        )
        wait_for(lambda: "shell>" in self.screen(number), "the shell listens")
        self.world.tmux("send-keys", "-t", f"=mine:w{number}", f"{self.client.program} 'task {number}'", "Enter")
        return wait_for(lambda: self.find(f"task {number}"), f"client {number} has its task")

    def screen(self, number: int) -> str:
        return self.world.tmux("capture-pane", "-p", "-t", f"=mine:w{number}")

    def find(self, words: str) -> str:
        for path in self.client.home.glob("projects/*/*.jsonl"):
            if self.client.prompts(path.stem)[:1] == [words] and "assistant" in path.read_text():
                return path.stem
        return ""

    def pid(self, identity: str) -> int:
        return int(self.client.registered()[identity][0]["pid"])

    def live(self, identity: str) -> list[int]:
        return [entry["pid"] for entry in self.client.registered().get(identity, []) if running(entry["pid"])]

    def ten(self) -> dict[int, str]:
        """Start ten, four of them in one directory, and have three end in three ways."""
        root = self.world.root
        ids = {
            number: self.start(number, self.world.repository if number < SHARED else root / f"dir {number}")
            for number in range(10)
        }
        pids = {number: self.pid(identity) for number, identity in ids.items()}
        os.kill(pids[3], signal.SIGKILL)
        self.world.tmux("send-keys", "-t", "=mine:w5", "C-d", "")
        self.world.tmux("kill-window", "-t", "=mine:w8")
        for number in (3, 5, 8):
            wait_for(lambda number=number: not running(pids[number]), "it has ended")
        return ids

    def wait_until_dead(self, ids: Iterable[str]) -> None:
        wait_for(lambda: not any(self.live(identity) for identity in ids), "they have died with their server")

    def go_on(self, session: dict[str, Any], number: int) -> None:
        """Type into the runtime of a restored session, and see the words arrive in the conversation."""
        identity = session["conversation"]["id"]
        self.world.tmux("send-keys", "-t", f"={session['runtime_name']}:", f"go on {number}", "Enter")
        wait_for(lambda: f"go on {number}" in self.client.prompts(identity), "the client has it")


@pytest.fixture
def hands(world: World) -> Hands:
    return Hands(world)


@pytest.mark.parametrize("while_they_run", [False, True], ids=["after the crash", "while they run"])
def test_ten_of_ten_continue_their_own_conversation(world: World, hands: Hands, while_they_run: bool) -> None:
    ids = hands.ten()
    if not while_they_run:
        world.kill_server()
        hands.wait_until_dead(ids.values())
    listed = world.ok("discover", "--json").json
    assert {item["id"] for item in listed} == set(ids.values())
    live = {item["id"] for item in listed if item["alive"]}
    assert live == ({ids[number] for number in (0, 1, 2, 4, 6, 7, 9)} if while_they_run else set())
    panes = world.tmux("list-panes", "-a", "-F", "#{pane_id} #{pane_pid} #{window_name} #{session_name}")
    adopted = world.ok("adopt", "--all", "--json").json
    assert {item["conversation"]["id"] for item in adopted} == set(ids.values())
    assert {item["id"] for item in adopted if item["alive"]} == live
    assert all(item["workspace"] is None for item in adopted)
    if while_they_run:
        assert world.tmux("list-panes", "-a", "-F", "#{pane_id} #{pane_pid} #{window_name} #{session_name}") == panes
        assert {item["id"] for item in world.ls() if item["alive"]} == live
        world.kill_server()
        hands.wait_until_dead(ids.values())
    assert world.ok("discover", "--json").json == []

    done = world.ok("restore", "--all", "--json")
    restored = {item["conversation"]["id"]: item for item in done.json}
    assert set(restored) == set(ids.values())
    for number, identity in ids.items():
        session = restored[identity]
        assert session["resumed"]
        assert not session["prompt_sent"]
        hands.go_on(session, number)
        assert hands.client.prompts(identity) == [f"task {number}", f"go on {number}"]
        assert len(hands.live(identity)) == 1
        start = world.lines("start", session["id"])
        place = world.repository if number < SHARED else world.root / f"dir {number}"
        assert [line.split(" ", 1)[1] for line in start] == [f"{place} resumed {identity}"]
    assert len(list(hands.client.home.glob("projects/*/*.jsonl"))) == 10


def test_an_adopted_live_client_can_be_read_killed_and_restored_and_the_pane_is_still_the_users(
    world: World, hands: Hands
) -> None:
    identity = hands.start(1, world.repository)
    world.ok("adopt", identity[:6])
    (session,) = world.ls()
    assert (session["id"], session["alive"], session["branch"]) == (identity, True, "main")
    assert "answered: task 1" in world.ok("logs", identity).out
    assert "=" not in world.ok("attach", identity).out  # without a terminal, it prints the command
    world.ok("kill", identity)
    assert hands.live(identity) == []
    assert world.tmux_sessions() == ["mine"]
    world.ok("restore", identity)
    assert world.tmux_sessions() == sorted(["mine", identity[:8]])
    (repository_before, _) = (sorted(world.repository.iterdir()), world.ok("rm", identity, "--force"))
    assert sorted(world.repository.iterdir()) == repository_before
    assert world.tmux_sessions() == ["mine"]


def test_a_dead_one_can_go_on_in_a_worktree_of_its_own(world: World, hands: Hands) -> None:
    identity = hands.start(1, world.repository)
    os.kill(hands.pid(identity), signal.SIGKILL)
    wait_for(lambda: not hands.live(identity), "it has ended")
    (adopted,) = world.ok("adopt", identity, "--worktree", "--json").json
    assert (adopted["workspace"], adopted["branch"], adopted["base"]) == ("worktree", "rouser/task-1", "main")
    (restored,) = world.ok("restore", identity, "--json").json
    assert restored["resumed"]
    path = Path(restored["workspace_path"])
    assert world.git("branch", "--show-current", cwd=path).strip() == "rouser/task-1"
    (start,) = wait_for(lambda: world.lines("start", identity), "the client was started")
    assert start.endswith(f"{path} resumed {identity}")
    hands.go_on(restored, 1)
    assert hands.client.prompts(identity) == ["task 1", "go on 1"]


def test_one_outside_of_tmux_and_one_that_is_owned_are_refused_with_a_reason(world: World, hands: Hands) -> None:
    process = subprocess.Popen(
        [hands.client.program, "task 7"],
        cwd=world.repository,
        env=world.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    try:
        identity = wait_for(lambda: hands.find("task 7"), "the client has its task")
        refused = world.run("adopt", identity)
        assert refused.code == 18
        assert f"process {process.pid} holds the conversation" in refused.err
        assert world.ls() == []
    finally:
        process.terminate()
        process.communicate(timeout=20)
    world.ok("adopt", identity)
    again = world.run("adopt", identity[:10], "--json")
    assert again.code == 21
    assert again.json[0]["error"]["kind"] == "conversation_owned"
    assert world.run("adopt", "nothing").code == 20
    assert len(world.ls()) == 1


def test_a_listing_on_a_terminal_and_off_it(world: World, hands: Hands) -> None:
    first = hands.start(1, world.repository)
    second = hands.start(2, world.root / "elsewhere")
    shown = world.ok("discover")
    assert [line.split()[0] for line in shown.out.splitlines()] == ["ID", second[:8], first[:8]]
    assert "live" in shown.out
    assert "task 2" in shown.out
    assert "rouser adopt --all" in shown.err
    assert world.ok("discover", "--dead").out == ""
    below = world.ok("discover", "--directory", ".", "--json").json
    assert [item["id"] for item in below] == [first]
    assert world.run("discover", "--since", "yesterday").code == 2
    assert world.run("adopt", first, "--live").code == 2
    assert world.run("adopt").code == 2
    assert world.run("adopt", first, "--worktree", "--workspace", "worktree").code == 2
    assert world.ls() == []
