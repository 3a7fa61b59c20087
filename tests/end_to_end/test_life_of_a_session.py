"""The whole life of a session, with the real command, tmux and git."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path

from support.waiting import wait_for
from support.world import World, running


def test_a_session_comes_back_after_its_server_was_killed(world: World) -> None:
    session = world.spawn("fix the flaky test")
    world.wait_for_line(session["id"], "fix the flaky test")
    (Path(session["workspace_path"]) / "draft").write_text("not committed")
    world.kill_server()

    (dead,) = world.ls()
    assert (dead["status"], dead["alive"]) == ("terminated", False)

    (restored,) = world.ok("restore", session["id"][:4], "--json").json
    assert restored["error"] is None
    assert (restored["status"], restored["alive"], restored["activity"]) == ("spawning", True, None)
    assert restored["launch_command"] == world.agent
    assert world.tmux_sessions() == [session["id"][:8]]
    assert (Path(session["workspace_path"]) / "draft").read_text() == "not committed"
    assert restored["created_at"] == session["created_at"]
    starts = wait_for(lambda: world.lines("start", session["id"])[1:], "the agent started again")
    assert starts[0].split(" ")[1] == session["workspace_path"]


def test_a_fresh_conversation_gets_the_prompt_again_and_a_resumed_one_does_not(world: World) -> None:
    fresh = world.spawn("first task")
    resume = [*world.agent, "--resume"]
    (world.root / "rouser.toml").write_text(f"[plugins.command]\nresume = {json.dumps(resume)}\n")
    resumed = world.spawn("second task")
    for session in (fresh, resumed):
        world.wait_for_line(session["id"], session["task"])
    world.kill_server()

    results = {item["id"]: item for item in world.ok("restore", "--all", "--json").json}

    assert (results[fresh["id"]]["resumed"], results[fresh["id"]]["prompt_sent"]) == (False, True)
    assert (results[resumed["id"]]["resumed"], results[resumed["id"]]["prompt_sent"]) == (True, False)
    assert results[resumed["id"]]["launch_command"] == resume
    wait_for(lambda: world.lines("line", fresh["id"]) == ["first task"] * 2, "the fresh one got it twice in all")
    assert world.lines("line", resumed["id"]) == ["second task"]


def test_attach_detach_and_attach_again_under_the_same_name(world: World) -> None:
    session = world.spawn("look at me", "--name", "api")
    variables = [f"{name}={value}" for name, value in world.environment.items()]

    def attached() -> str:
        return world.tmux("list-clients", "-t", "=api", "-F", "#{client_pid}")

    def attach(window: str) -> None:
        command = ("env", "-u", "TMUX", *variables, "TERM=screen", "rouser", "attach", "api")
        world.tmux("new-session", "-d", "-s", window, "-x", "90", "-y", "30", *command)
        wait_for(attached, "a client is attached to the session")

    attach("human1")
    assert "agent up" in wait_for(
        lambda: world.tmux("capture-pane", "-p", "-t", "=human1:"), "something is on the screen"
    )
    world.tmux("detach-client", "-s", "=api")
    wait_for(lambda: not attached(), "nobody is attached")
    world.kill_server()
    world.ok("restore", "api")
    assert session["runtime_name"] == "api"
    attach("human2")


def test_attach_without_a_terminal_prints_the_command(world: World) -> None:
    session = world.spawn()
    command = world.ok("attach", session["id"]).out
    assert command.startswith("tmux ")
    assert str(world.socket) in command


def test_kill_ends_the_agent_and_restore_brings_it_back(world: World) -> None:
    session = world.spawn()
    pid = int(wait_for(lambda: world.lines("start", session["id"]), "the agent started")[0].split(" ")[0])
    world.ok("kill", session["id"])
    assert not running(pid)
    assert world.show(session["id"])["status"] == "killed"
    assert world.ok("restore", "--all", "--json").json == []
    world.ok("restore", session["id"])
    assert world.show(session["id"])["alive"] is True


def test_remove_refuses_to_lose_work_and_obeys_force(world: World) -> None:
    session = world.spawn()
    path = Path(session["workspace_path"])
    (path / "draft").write_text("precious")
    assert world.run("rm", session["id"]).code == 18
    world.ok("kill", session["id"])

    refused = world.run("rm", session["id"])
    assert refused.code == 12
    assert (path / "draft").read_text() == "precious"
    assert len(world.ls()) == 1

    world.ok("rm", session["id"], "--force")
    assert not path.exists()
    assert world.ls() == []


def test_nothing_done_to_proj_1_touches_proj_10(world: World) -> None:
    ten = world.spawn("ten", "--name", "proj-10")
    one = world.spawn("one", "--name", "proj-1")
    world.ok("kill", "proj-1")
    assert world.tmux_sessions() == ["proj-10"]
    assert world.show("proj-1")["alive"] is False
    assert world.run("send", "proj-1", "hello").code == 15
    world.ok("kill", "proj-1")
    world.ok("restore", "proj-1")
    world.tmux("kill-session", "-t", "=proj-1")
    world.ok("restore", "proj-1")
    world.ok("kill", "proj-1")
    world.ok("rm", "proj-1")
    assert world.show("proj-10")["alive"] is True
    assert len(world.lines("start", ten["id"])) == 1
    assert world.lines("line", ten["id"]) == ["ten"]
    assert one["id"] != ten["id"]


def test_a_stopped_server_is_unknown_not_dead(world: World) -> None:
    session = world.spawn()
    world.wait_for_line(session["id"], "fix it")
    pid = world.server_pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        patience = {"ROUSER_HOOK_TIMEOUT": "1"}
        (seen,) = world.ok("ls", "--json", env=patience).json
        assert seen["alive"] is None
        refused = world.run("restore", session["id"], "--json", env=patience)
        assert refused.code == 8
        assert refused.json[0]["error"]["kind"] == "liveness_unknown"
        left_alone = world.run("restore", "--all", "--json", env=patience)
        assert (left_alone.code, left_alone.json) == (8, [])
        assert f"{session['id'][:8]}  left alone: unknown whether it is alive" in left_alone.err
        assert "no session died" not in left_alone.err
    finally:
        os.kill(pid, signal.SIGCONT)
    assert world.show(session["id"])["alive"] is True
    assert len(world.lines("start", session["id"])) == 1


def test_a_deleted_worktree_is_recreated_from_its_own_branch(world: World) -> None:
    session = world.spawn()
    path = Path(session["workspace_path"])
    (path / "work").write_text("committed")
    world.git("add", "work", cwd=path)
    world.commit("Work", cwd=path)
    world.ok("kill", session["id"])
    world.git("worktree", "remove", "--force", str(path))

    world.ok("restore", session["id"])

    assert (path / "work").read_text() == "committed"
    assert world.git("branch", "--show-current", cwd=path).strip() == session["branch"]


def test_a_deleted_branch_is_a_missing_workspace_and_nothing_is_made(world: World) -> None:
    session = world.spawn()
    world.ok("kill", session["id"])
    world.git("worktree", "remove", "--force", session["workspace_path"])
    world.git("branch", "-D", session["branch"])

    refused = world.run("restore", session["id"])

    assert refused.code == 9
    assert session["branch"] in refused.err
    assert not Path(session["workspace_path"]).exists()
    assert world.tmux_sessions() == []


def test_an_agent_that_ends_at_once_is_reported_with_its_last_words(world: World) -> None:
    # Not in tmux, which itself now and then loses what a program writes in the very moment of its end.
    done = world.run("spawn", "x", "--runtime", "process", "--", "sh", "-c", "echo no key found; exit 3")
    assert done.code == 16
    assert "no key found" in done.err
    (session,) = world.ls()
    assert (session["status"], session["alive"]) == ("terminated", False)
    assert "no key found" in world.ok("logs", session["id"]).out


def test_the_demo_shows_three_sessions_come_back_and_leaves_nothing(world: World) -> None:
    scratch = world.root / "tmp"
    scratch.mkdir()
    done = world.ok("demo", env={"TMPDIR": str(scratch)})
    assert "3 restored, 0 failed" in done.out
    assert list(scratch.iterdir()) == []
    assert not (world.root / "home").exists()


def test_a_new_session_never_goes_on_with_what_a_removed_one_left(world: World) -> None:
    first = world.spawn("fix it")
    path = Path(first["workspace_path"])
    (path / "work").write_text("committed")
    world.git("add", "work", cwd=path)
    world.commit("Work", cwd=path)
    world.ok("rm", first["id"], "--force")
    assert world.git("branch", "--list", first["branch"]).strip() == first["branch"]

    second = world.spawn("fix it")

    assert second["branch"] == f"{first['branch']}-{second['id'][:8]}"
    assert not (Path(second["workspace_path"]) / "work").exists()


def test_without_tmux_a_session_runs_in_a_terminal_of_its_own_and_comes_back(world: World) -> None:
    programs = world.root / "programs"
    programs.mkdir()
    for name in ("git", "env", "sh"):
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    bare = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{programs}"}
    options = ("--name", "mine", "--workspace", "clone", "--json", "--", *world.agent)
    session = world.ok("spawn", "the task", *options, env=bare).json
    assert (session["runtime"], session["workspace"]) == ("process", "clone")
    world.wait_for_line(session["id"], "the task")
    pid = int(world.lines("start", session["id"])[0].split()[0])
    supervisor = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(supervisor, signal.SIGKILL)
    wait_for(lambda: world.show("mine")["alive"] is False, "the agent ended with its supervisor")
    assert "agent up in" in world.ok("logs", "mine").out
    restored = world.ok("restore", "mine", "--json", env=bare).json[0]
    assert (restored["runtime"], restored["runtime_name"], restored["alive"]) == ("process", "mine", True)
    world.ok("rm", "--force", "mine", env=bare)
    assert list((world.root / "home" / "process").glob("mine.*")) == []
