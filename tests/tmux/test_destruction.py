"""Destroying ends the runtime and all of its processes, and nothing else."""

import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from rouser import RUNTIME_VARIABLE, HookError
from rouser_tmux import destruction, processes
from rouser_tmux.handle import Handle
from rouser_tmux.processes import Family, Process

# Writes down its own pid and that of a child in the background, which is in the same terminal session.
WITH_CHILD = "{trap} sleep 300 & echo $! > child; echo $$ > self; cat; while :; do sleep 0.05; done"


def pid_in(world, name, eventually):
    path = world.directory / name
    pid = int(eventually(lambda: path.exists() and path.read_text().strip()))
    world.end_later(pid)
    return Process.identify(pid)


def children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().strip()


def test_session_and_process_are_gone_when_it_returns(world):
    handle = world.create()
    world.start_foreign("mine")
    world.runtime.runtime_destroy(handle)
    assert world.sessions() == ["mine"]
    assert not Handle.parse(handle).agent.runs()
    assert world.runtime.runtime_is_alive(handle) is False


def test_it_may_be_done_twice(world):
    handle = world.create()
    for _ in range(3):
        world.runtime.runtime_destroy(handle)
    again = world.create()
    world.runtime.runtime_destroy(handle)
    assert world.runtime.runtime_is_alive(again)


def test_same_name_can_be_created_right_after(world):
    for _ in range(5):
        world.runtime.runtime_destroy(world.create())


@pytest.mark.parametrize("signals", ["HUP", "HUP TERM", "HUP TERM INT QUIT"])
def test_agent_that_ignores_signals_is_ended_in_time(world, signals, eventually):
    handle = world.create(["sh", "-c", WITH_CHILD.format(trap=f"trap '' {signals};")])
    processes = [pid_in(world, "child", eventually), pid_in(world, "self", eventually)]
    started = time.monotonic()
    world.runtime.runtime_destroy(handle)
    assert time.monotonic() - started < 20
    assert not any(process.runs() for process in processes)


def test_children_are_ended_though_their_agent_ended_before(world, eventually):
    handle = world.create(["sh", "-c", "trap '' HUP; sleep 300 & echo $! > child; exit 0"])
    child = pid_in(world, "child", eventually)
    eventually(lambda: not world.runtime.runtime_is_alive(handle))
    world.runtime.runtime_destroy(handle)
    assert not child.runs()
    assert world.sessions() == []


def test_children_with_a_session_of_their_own_are_ended_too(world, eventually):
    handle = world.create(["sh", "-c", "setsid sh -c 'echo $$ > child; sleep 300' & wait"])
    child = pid_in(world, "child", eventually)
    world.runtime.runtime_destroy(handle)
    assert not child.runs()


DAEMON = "(trap '' HUP TERM; setsid sh -c 'echo $$ > daemon; sleep 300; true' &)"


@pytest.mark.parametrize("then", ["cat", "exit"])
def test_daemon_that_left_the_agent_is_ended_with_its_children_and_that_of_another_is_not(world, eventually, then):
    handle = world.create(["sh", "-c", f"{DAEMON}; {then}"])
    daemon = pid_in(world, "daemon", eventually)
    eventually(lambda: os.getsid(daemon.pid) == daemon.pid)
    other = subprocess.Popen(["sleep", "300"], start_new_session=True, env={**os.environ, RUNTIME_VARIABLE: "another"})
    try:
        eventually(lambda: world.runtime.runtime_is_alive(handle) is (then == "cat"))
        child = Process.identify(int(eventually(lambda: children(daemon.pid))))
        world.runtime.runtime_destroy(handle)
        assert not daemon.runs()
        assert not child.runs()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_daemon_with_terminals_where_people_may_be_at_work_is_spared(world, eventually, tmp_path):
    server = f"tmux -f /dev/null -S {tmp_path}/theirs"
    handle = world.create(["sh", "-c", f"{server} new-session -d 'echo $$ > daemon; exec sleep 300'; cat"])
    try:
        theirs = pid_in(world, "daemon", eventually)
        world.runtime.runtime_destroy(handle)
        assert theirs.runs()
    finally:
        subprocess.run([*server.split(), "kill-server"], check=True)


def test_agent_that_outlived_its_server_is_ended(world, eventually):
    handle = world.create(["sh", "-c", WITH_CHILD.format(trap="trap '' HUP TERM;")])
    processes = [pid_in(world, "child", eventually), pid_in(world, "self", eventually)]
    os.kill(world.server_pid(), signal.SIGKILL)
    world.runtime.runtime_destroy(handle)
    assert not any(process.runs() for process in processes)


def test_child_that_outlived_its_agent_and_its_server_is_ended(world, eventually):
    handle = world.create(["sh", "-c", "trap '' HUP; sleep 300 & echo $! > child; exit 0"])
    child = pid_in(world, "child", eventually)
    os.kill(world.server_pid(), signal.SIGKILL)
    eventually(lambda: not Path(f"/proc/{Handle.parse(handle).agent.pid}").exists())
    world.runtime.runtime_destroy(handle)
    assert not child.runs()


def test_agent_behind_an_unlinked_socket_is_ended(world):
    handle = world.create()
    world.socket.unlink()
    world.runtime.runtime_destroy(handle)
    assert not Handle.parse(handle).agent.runs()
    assert world.runtime.runtime_is_alive(handle) is False


def test_dead_pane_is_removed(world, eventually):
    handle = world.create(["true"])
    world.start_foreign("mine")
    eventually(lambda: not world.runtime.runtime_is_alive(handle))
    world.runtime.runtime_destroy(handle)
    assert world.sessions() == ["mine"]


def test_longer_name_is_spared(world):
    longer, shorter = world.create(name="proj-10"), world.create(name="proj-1")
    world.runtime.runtime_destroy(shorter)
    world.runtime.runtime_destroy(shorter)
    assert world.runtime.runtime_is_alive(longer)


def test_session_of_the_users_with_the_same_name_is_spared(world):
    handle = world.create()
    world.tmux("rename-session", "-t", "=proj-1", "agent")
    pid = world.start_foreign("proj-1")
    world.runtime.runtime_destroy(handle)
    assert world.sessions() == ["proj-1"]
    assert Process.identify(pid).runs()


def test_pane_that_was_moved_to_the_users_session_costs_only_that_pane(world):
    handle = world.create()
    pid = world.start_foreign("mine")
    world.tmux("join-pane", "-s", "=proj-1:", "-t", "=mine:")
    world.runtime.runtime_destroy(handle)
    assert world.tmux("list-panes", "-a", "-F", "#{session_name} #{pane_pid}") == [f"mine {pid}"]


def test_pane_that_was_moved_to_another_agents_session_costs_only_that_pane(world):
    handle, other = world.create(name="one"), world.create(name="two")
    world.tmux("join-pane", "-s", "=one:", "-t", "=two:")
    world.runtime.runtime_destroy(handle)
    assert world.sessions() == ["two"]
    assert world.runtime.runtime_is_alive(other)


def test_session_that_the_user_grouped_with_the_agents_loses_the_pane(world):
    handle = world.create()
    pid = world.start_foreign("mine")
    world.tmux("new-session", "-d", "-t", "=proj-1", "-s", "grouped")
    world.runtime.runtime_destroy(handle)
    assert world.sessions() == ["mine"]
    assert Process.identify(pid).runs()


def test_what_the_user_added_to_the_agents_session_goes_with_it(world, eventually):
    handle = world.create()
    world.start_foreign("mine")
    world.tmux("new-window", "-d", "-t", "=proj-1:", "cat")
    world.tmux("kill-pane", "-t", "=proj-1:0.0")
    eventually(lambda: not world.runtime.runtime_is_alive(handle))
    world.runtime.runtime_destroy(handle)
    assert world.sessions() == ["mine"]


def test_process_that_got_the_agents_number_is_spared(world):
    handle = Handle.parse(world.create())
    stranger = subprocess.Popen(["sleep", "300"], start_new_session=True)
    try:
        stale = Handle(
            handle.token, handle.session_id, handle.name, handle.server, Process(stranger.pid, "1.0"), handle.socket
        )
        world.runtime.runtime_destroy(str(stale))
        assert stranger.poll() is None
        Process(stranger.pid, "1.0").send(signal.SIGKILL)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_strangers_in_a_terminal_session_of_a_reused_number_are_spared(world):
    leader = subprocess.Popen(
        ["sh", "-c", "sleep 300 & echo $!"], start_new_session=True, stdout=subprocess.PIPE, text=True
    )
    child = Process.identify(int(leader.stdout.readline()))
    leader.stdout.close()
    leader.wait()
    world.end_later(child.pid)
    assert os.getsid(child.pid) == leader.pid
    assert Family([Process(leader.pid, "1.0")], f"{world.socket},1,", "token").living() == []


def test_survivors_of_everything_are_named(world, monkeypatch):
    monkeypatch.setattr(destruction.Family, "end", lambda self: [Process(4711, "1.0")])
    handle = world.create()
    with pytest.raises(HookError, match="survived even being killed: 4711"):
        world.runtime.runtime_destroy(handle)


def test_one_that_was_born_while_it_was_looked_for_is_ended(world, monkeypatch):
    agent = Handle.parse(handle := world.create(["sh", "-c", "trap '' HUP TERM; while :; do sleep 1; done"])).agent
    real, listings = processes.pids, []

    def listed_before_it_was_born():
        listings.append(real())
        return [] if len(listings) == 2 else listings[-1]

    monkeypatch.setattr(processes, "pids", listed_before_it_was_born)
    world.runtime.runtime_destroy(handle)
    assert not agent.runs()


def test_where_no_process_came_or_went_nobody_looks_again(monkeypatch):
    looks = []
    monkeypatch.setattr(processes, "pids", lambda: [os.getpid()])
    monkeypatch.setattr(processes, "find_daemons", lambda: looks.append(1) or {})
    assert Family([Process(4711, "1.0")], "/socket,1,", "token").end() == []
    assert len(looks) == 1


def test_all_is_tried_also_where_to_look_takes_longer_than_each_try_may(world, monkeypatch, eventually):
    agent = Handle.parse(handle := world.create(["sh", "-c", "trap '' HUP TERM; while :; do sleep 1; done"])).agent
    find = processes.find_daemons

    def find_slowly():
        time.sleep(0.15)
        return find()

    monkeypatch.setattr(processes, "_STEPS", [(number, 0.1) for number, _ in processes._STEPS])
    monkeypatch.setattr(processes, "find_daemons", find_slowly)
    with suppress(HookError):  # a busy machine may take longer to end what was killed
        world.runtime.runtime_destroy(handle)
    eventually(lambda: not agent.runs())


def test_other_text_than_a_handle_is_refused(world):
    with pytest.raises(HookError, match="not a handle"):
        world.runtime.runtime_destroy("proj-1")


def test_numbers_that_no_process_has_are_in_no_handle(world):
    handle = re.sub(r":(\d+)@", f":{10**30}@", world.create())
    with pytest.raises(HookError, match="not a handle"):
        world.runtime.runtime_is_alive(handle)
