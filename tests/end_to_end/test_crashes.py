"""Commands that are killed, raced and disturbed: one runtime, one record, one prompt, whatever happens."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.plugins import SABOTEUR, install
from support.waiting import wait_for
from support.world import World, running


@pytest.fixture
def sabotaged(world: World) -> Iterator[World]:
    """A world with a plugin that ends the process around any hook."""
    install(world.root / "plugins", "saboteur", SABOTEUR)
    world.extra["PYTHONPATH"] = str(world.root / "plugins")
    return world


def live_agents(world: World) -> list[int]:
    if not world.record.exists():
        return []
    words = [line.split(" ") for line in world.record.read_text().splitlines()]
    return [int(line[2]) for line in words if line[0] == "start" and running(int(line[2]))]


@pytest.mark.parametrize(
    "moment",
    ["workspace_create:before", "workspace_create:after", "runtime_create:before", "runtime_create:after"],
)
def test_a_spawn_that_is_killed_is_completed_by_restore(sabotaged: World, moment: str) -> None:
    world = sabotaged
    killed = world.run("spawn", "the task", "--", *world.agent, env={"SABOTAGE": f"{moment}:kill"})
    assert killed.code == -signal.SIGKILL

    (seen,) = world.ls()
    (restored,) = world.ok("restore", seen["id"], "--json").json

    assert restored["adopted"] is (moment == "runtime_create:after")
    assert restored["prompt_sent"] is True
    world.wait_for_line(seen["id"], "the task")
    assert len(live_agents(world)) == 1
    assert world.tmux_sessions() == [seen["id"][:8]]
    assert len(world.git("worktree", "list").splitlines()) == 2
    assert world.lines("line", seen["id"]) == ["the task"]


@pytest.mark.parametrize("moment", ["workspace_create:after", "runtime_create:before", "runtime_create:after"])
def test_a_spawn_that_is_killed_is_removed_without_a_trace_by_rm(sabotaged: World, moment: str) -> None:
    world = sabotaged
    world.run("spawn", "the task", "--", *world.agent, env={"SABOTAGE": f"{moment}:kill"})
    (seen,) = world.ls()

    world.ok("rm", seen["id"], "--force")

    assert world.ls() == []
    assert live_agents(world) == []
    assert world.tmux_sessions() == []
    assert len(world.git("worktree", "list").splitlines()) == 1


@pytest.mark.parametrize(
    "moment", ["runtime_destroy:before", "runtime_destroy:after", "runtime_create:before", "runtime_create:after"]
)
def test_a_restore_that_is_killed_is_completed_by_the_next(sabotaged: World, moment: str) -> None:
    world = sabotaged
    session = world.spawn("the task")
    world.wait_for_line(session["id"], "the task")
    world.kill_server()
    killed = world.run("restore", session["id"], env={"SABOTAGE": f"{moment}:kill"})
    assert killed.code == -signal.SIGKILL

    (restored,) = world.ok("restore", session["id"], "--json").json

    assert restored["adopted"] is (moment == "runtime_create:after")
    wait_for(lambda: world.lines("line", session["id"]) == ["the task"] * 2, "each launch got the prompt once")
    assert len(live_agents(world)) == 1
    assert world.tmux_sessions() == [session["id"][:8]]
    assert world.run("restore", session["id"]).code == 7


def test_of_two_restores_at_once_one_wins_and_the_other_is_told_who(sabotaged: World) -> None:
    world = sabotaged
    session = world.spawn()
    world.ok("kill", session["id"])
    waiting = world.root / "waiting"
    first = world.start(
        "restore", session["id"], env={"SABOTAGE": "runtime_create:before:wait", "WAITING": str(waiting)}
    )
    wait_for(waiting.exists, "the first restore is under way")

    second = world.run("restore", session["id"], "--json")
    waiting.unlink()
    first.communicate(timeout=30)

    assert first.returncode == 0
    assert second.code == 6
    assert second.json[0]["error"]["kind"] == "session_busy"
    assert f"process {first.pid}" in second.json[0]["error"]["message"]
    wait_for(lambda: live_agents(world), "the agent has said that it runs")
    assert len(live_agents(world)) == 1


def test_many_restores_at_once_leave_one_runtime(world: World) -> None:
    session = world.spawn()
    world.ok("kill", session["id"])
    many = [world.start("restore", session["id"]) for _ in range(6)]
    for process in many:
        process.communicate(timeout=60)
    codes = sorted(process.returncode for process in many)
    assert codes[0] == 0
    assert set(codes[1:]) <= {6, 7}
    wait_for(lambda: live_agents(world), "the agent has said that it runs")
    assert len(live_agents(world)) == 1
    assert world.tmux_sessions() == [session["id"][:8]]


def test_ctrl_c_in_the_middle_of_a_spawn_leaves_a_session_that_restore_completes(sabotaged: World) -> None:
    world = sabotaged
    waiting = world.root / "waiting"
    process = world.start(
        "spawn",
        "the task",
        "--",
        *world.agent,
        env={"SABOTAGE": "runtime_create:before:wait", "WAITING": str(waiting)},
        start_new_session=True,
    )
    wait_for(waiting.exists, "the spawn is under way")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    waiting.unlink()

    assert process.returncode == 130
    assert "interrupted" in err
    (seen,) = world.ls()
    assert seen["id"][:8] in err
    world.ok("restore", seen["id"])
    world.wait_for_line(seen["id"], "the task")
    assert len(live_agents(world)) == 1


def test_json_stays_one_document_when_a_plugin_prints(sabotaged: World) -> None:
    world = sabotaged
    noisy = {"SABOTAGE": "runtime_create:before:print"}
    done = world.ok("spawn", "x", "--json", "--", *world.agent, env=noisy)
    assert json.loads(done.out)["alive"] is True
    assert "more noise" in done.err


@pytest.mark.parametrize("hook", ["workspace_create", "runtime_create", "agent_launch_command"])
def test_a_spawn_in_which_a_plugin_fails_leaves_nothing(sabotaged: World, hook: str) -> None:
    world = sabotaged
    done = world.run("spawn", "x", "--json", "--", *world.agent, env={"SABOTAGE": f"{hook}:after:raise"})
    assert done.code == 12
    assert done.json["error"]["kind"] == "plugin_call"
    assert world.tmux_sessions() == []
    if hook != "runtime_create":
        assert world.ls() == []
        assert len(world.git("worktree", "list").splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("raises", "raise RuntimeError('broken at import')"),
        ("exits", "import sys; sys.exit('bye')"),
        ("lacks", "from rouser import hookimpl\n@hookimpl\ndef runtime_destroy(handle): pass"),
        ("tmux", "from rouser import hookimpl\n@hookimpl\ndef session_restoring(session): pass"),
    ],
)
def test_a_broken_plugin_disturbs_nobody_and_is_named(world: World, name: str, source: str) -> None:
    install(world.root / "plugins", name, source, distribution=f"other-{name}")
    broken = {"PYTHONPATH": str(world.root / "plugins")}
    listed = world.run("plugins", "--json", env=broken)
    states = {item["name"]: item["status"] for item in listed.json}
    assert listed.code == 1
    assert states["worktree"] == "loaded"
    if name == "tmux":
        assert states["tmux"] == "conflict"
        refused = world.run("spawn", "x", "--", *world.agent, env=broken)
        assert refused.code == 11
        assert "other-tmux" in refused.err
        assert "rouser-tmux" in refused.err
        return
    assert states[name] == "failed"
    session = world.ok("spawn", "x", "--json", "--", *world.agent, env=broken).json
    assert session["alive"] is True
    refused = world.run("spawn", "x", "--runtime", name, "--", *world.agent, env=broken)
    assert refused.code == 11
    assert name in refused.err
    assert Path(world.root / "wt" / "shop" / session["id"][:8]).exists()
