"""What an agent's terminal shows, and how to get there."""

import os
import pty
import subprocess

import pytest

from rouser import HookError
from rouser_tmux.handle import Handle


def output_of(world, script, lines, eventually):
    handle = world.create(["sh", "-c", f"{script}; echo END; cat"])
    eventually(lambda: "END" in world.runtime.runtime_get_output(handle, 1))
    return world.runtime.runtime_get_output(handle, lines)


def test_last_lines_come_without_blank_ones_at_the_end(world, eventually):
    assert output_of(world, "seq 5; echo", 4, eventually) == "4\n5\n\nEND"


def test_lines_that_scrolled_off_are_there(world, eventually):
    assert output_of(world, "seq 500", 101, eventually).split("\n") == [*map(str, range(401, 501)), "END"]


def test_fewer_lines_than_asked_for_are_all_there_are(world, eventually):
    assert output_of(world, "echo one", 100_000, eventually) == "one\nEND"


def test_long_lines_are_whole_and_count_once(world, eventually):
    script = "for i in 1 2 3 4 5 6 7 8 9; do printf '%0900d\\n' $i; done"
    lines = output_of(world, script, 10, eventually).split("\n")
    assert lines == [*(f"{number:0900d}" for number in range(1, 10)), "END"]


def test_output_is_plain_text(world, eventually):
    text = output_of(world, "printf '\\033[1;31mred\\033[0m \\342\\230\\203\\016\\n'", 5, eventually)
    assert text == "red ☃\nEND"


def test_ended_agent_leaves_its_output(world, eventually):
    # Not at once: tmux itself now and then loses what a program writes in the very moment of its end.
    handle = world.create(["sh", "-c", "echo about to fail; echo oops >&2; read -r line; exit 3"])
    eventually(lambda: "oops" in world.runtime.runtime_get_output(handle, 10))
    world.tmux("send-keys", "-t", "=proj-1:", "Enter")
    eventually(lambda: world.tmux("list-panes", "-a", "-F", "#{pane_dead}") == ["1"])
    assert world.runtime.runtime_get_output(handle, 10) == "about to fail\noops"


def test_runtime_that_is_gone_has_no_output_and_nothing_to_attach_to(world):
    handle = world.create()
    world.runtime.runtime_destroy(handle)
    for hook in (
        lambda: world.runtime.runtime_get_output(handle, 5),
        lambda: world.runtime.runtime_attach_command(handle),
    ):
        with pytest.raises(HookError, match="no tmux session proj-1"):
            hook()


def attach(world, argv, environ):
    """Run an attach command in a terminal of its own; return the client that tmux then has, as it shows it."""
    controller, terminal = pty.openpty()
    client = subprocess.Popen(
        argv, stdin=terminal, stdout=terminal, stderr=terminal, env=environ, start_new_session=True
    )
    os.close(terminal)
    world.end_later(client.pid)
    return client, controller


def test_attach_command_shows_the_agents_pane(world, eventually):
    handle = world.create()
    world.create(name="proj-10")
    world.tmux("rename-session", "-t", "=proj-1", "renamed")
    world.tmux("split-window", "-t", "=renamed:", "cat")
    world.tmux("new-window", "-t", "=renamed:", "cat")
    argv = world.runtime.runtime_attach_command(handle)
    assert argv[:4] == ["tmux", "-S", str(world.socket), "attach-session"]
    client, controller = attach(world, argv, {"TERM": "xterm", "PATH": os.environ["PATH"]})
    try:
        shown = eventually(lambda: world.tmux("list-clients", "-F", "#{session_name} #{pane_pid}"))
        assert shown == [f"renamed {Handle.parse(handle).agent.pid}"]
    finally:
        client.kill()
        client.wait()
        os.close(controller)


def test_attach_command_of_an_ended_agent_shows_its_last_screen(world, eventually):
    handle = world.create(["true"])
    eventually(lambda: not world.runtime.runtime_is_alive(handle))
    assert "attach-session" in world.runtime.runtime_attach_command(handle)


def test_inside_the_same_tmux_the_client_is_switched(world, monkeypatch):
    handle = world.create()
    monkeypatch.setenv("TMUX", f"{world.socket},{world.server_pid()},0")
    argv = world.runtime.runtime_attach_command(handle)
    assert argv[:4] == ["tmux", "-S", str(world.socket), "switch-client"]
    assert argv[-1] == world.tmux("list-panes", "-a", "-F", "#{session_id}:#{window_id}.#{pane_id}")[0]


def test_inside_another_tmux_the_session_is_nested_on_purpose(world, monkeypatch):
    handle = world.create()
    monkeypatch.setenv("TMUX", "/somewhere/else,1,0")
    argv = world.runtime.runtime_attach_command(handle)
    assert argv[:4] == ["env", "-u", "TMUX", "tmux"]
    assert "attach-session" in argv
