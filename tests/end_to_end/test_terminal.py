"""What people see on a terminal: in a real one, of a known size."""

from __future__ import annotations

import pytest
from support.waiting import wait_for
from support.world import World

TASK = "fix the flaky login test that fails only when the moon is full"


def on_a_terminal(world: World, columns: int, *command: str) -> str:
    """Return what a command leaves on a terminal of that many columns, wrapped lines joined again."""
    variables = [f"{name}={value}" for name, value in world.environment.items()]
    window = ("new-session", "-d", "-s", "human", "-c", str(world.repository), "-x", str(columns), "-y", "40")
    world.tmux(*window, "env", *variables, "sh", "-c", '"$@"; echo DONE; read wait', "sh", *command)

    def screen() -> str:
        seen = world.tmux("capture-pane", "-p", "-J", "-t", "=human:")
        return seen if "DONE" in seen else ""

    try:
        return wait_for(screen, "the command is done")
    finally:
        world.tmux("kill-session", "-t", "=human")


@pytest.mark.parametrize("columns", [200, 110, 60])
def test_ids_and_branches_are_never_cut_and_only_the_task_gives_way(world: World, columns: int) -> None:
    session = world.spawn(TASK)
    seen = on_a_terminal(world, columns, "rouser", "ls")
    assert session["id"][:8] in seen
    assert session["branch"] in seen
    assert "working" in seen
    assert (TASK in seen) is (columns == 200)
    assert ("…" in seen) is (columns != 200)


def test_a_spawn_on_a_terminal_says_what_it_made_and_how_to_attach(world: World) -> None:
    seen = on_a_terminal(world, 200, "rouser", "spawn", "x", "--name", "api", "--", *world.agent)
    assert "command in tmux" in seen
    assert "attach: rouser attach api" in seen


def test_a_plan_tells_what_is_not_committed(world: World) -> None:
    session = world.spawn()
    (world.root / "wt" / "shop" / session["id"][:8] / "draft").write_text("x")
    world.ok("kill", session["id"])
    planned = world.ok("restore", session["id"], "--dry-run")
    assert "usable" in planned.err
    assert "1 file changed, not committed" in planned.err
    assert "nothing was changed" in planned.err
    assert world.show(session["id"])["status"] == "killed"


def test_restoring_several_on_a_terminal_leaves_a_line_for_each_and_no_trace_of_the_progress(world: World) -> None:
    names = ("api", "web", "cli")
    for name in names:
        world.ok("spawn", "", "--name", name, "--", *world.agent)
    world.kill_server()
    seen = on_a_terminal(world, 100, "rouser", "restore", "--all")
    assert all(f"attach: rouser attach {name}" in seen for name in names)
    assert "3 restored, 0 failed" in seen
    assert "of 3" not in seen
