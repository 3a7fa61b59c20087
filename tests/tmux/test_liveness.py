"""Alive, gone, or an error that says why it is not known; never a guess."""

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest

from rouser import HookError
from rouser.deadline import call_within
from rouser_tmux import client, processes
from rouser_tmux.handle import Handle
from rouser_tmux.liveness import _judge
from rouser_tmux.panes import find
from rouser_tmux.processes import Process, wait_until_gone

IGNORES_HANGUP = "trap '' HUP; echo READY; while :; do sleep 0.05; done"


@contextlib.contextmanager
def stopped(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def ordinary_user():
    """Be nobody for a while, if this is root."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def clients_of(socket):
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            argv = path.read_bytes()
            if b"list-panes" in argv and os.fsencode(socket) in argv:
                found.append(path)
    return found


def test_running_agent_is_alive(world):
    handle = world.create()
    assert world.runtime.runtime_is_alive(handle) is True
    assert world.runtime.runtime_list_alive([handle]) == {handle: True}


def test_ended_agent_is_not_alive_though_its_pane_remains(world, eventually):
    handle = world.create()
    os.kill(Handle.parse(handle).agent.pid, signal.SIGKILL)
    eventually(lambda: world.runtime.runtime_is_alive(handle) is False)
    assert world.sessions() == ["proj-1"]


def test_tmux_that_has_not_noticed_the_end_yet_is_not_believed(world, eventually):
    handle = Handle.parse(world.create())
    panes = find(handle)
    handle.agent.send(signal.SIGKILL)
    eventually(lambda: not handle.agent.runs())
    assert panes[0].holds_agent
    assert _judge(handle, in_pane=True, patience=0) is False


def test_ended_agent_is_not_alive_though_its_child_keeps_the_terminal(world, eventually):
    handle = world.create(["sh", "-c", "trap '' HUP; sleep 300 & echo $! > child; exit 0"])
    child = world.directory / "child"
    world.end_later(int(eventually(lambda: child.exists() and child.read_text().strip())))
    eventually(lambda: world.runtime.runtime_is_alive(handle) is False)


def test_without_a_server_nothing_is_alive(world, eventually):
    handle = world.create()
    world.tmux("kill-server")  # which returns before the server is gone
    eventually(lambda: world.is_known_dead(handle))
    world.socket.unlink()
    assert world.runtime.runtime_is_alive(handle) is False
    assert world.runtime.runtime_list_alive([handle]) == {handle: False}


def test_server_that_was_killed_takes_its_agents_along(world):
    handle = world.create()
    os.kill(world.server_pid(), signal.SIGKILL)
    assert wait_until_gone([Handle.parse(handle).server], 5)  # on a busy machine it may take a while to die
    assert world.runtime.runtime_is_alive(handle) is False


def test_new_server_at_the_same_socket_does_not_have_the_agent(world):
    handle = world.create()
    world.tmux("kill-server")
    again = world.create()
    assert world.runtime.runtime_list_alive([handle, again]) == {handle: False, again: True}


def test_handle_from_before_a_reboot_is_not_alive(world):
    handle = Handle.parse(world.create())
    world.runtime.runtime_destroy(str(handle))
    stranger = Process.identify(world.start_foreign("mine"))
    other_boot = Process(stranger.pid, f"{stranger.start.split('.')[0]}.00000000")
    reused = str(handle._replace(agent=other_boot, server=other_boot))
    assert world.runtime.runtime_is_alive(reused) is False
    world.runtime.runtime_destroy(reused)
    assert stranger.runs()


def test_session_of_the_users_with_the_same_name_is_not_the_agents(world):
    handle = world.create()
    world.runtime.runtime_destroy(handle)
    world.start_foreign("proj-1")
    assert world.runtime.runtime_is_alive(handle) is False


def test_longer_name_is_not_mistaken_for_a_shorter_one(world):
    handle, longer = world.create(name="proj-1"), world.create(name="proj-10")
    world.tmux("kill-session", "-t", "=proj-1")
    assert world.runtime.runtime_list_alive([handle, longer]) == {handle: False, longer: True}


def test_renamed_session_and_moved_pane_are_found(world):
    handle = world.create()
    world.tmux("rename-session", "-t", "=proj-1", "other")
    assert world.runtime.runtime_is_alive(handle)
    world.start_foreign("mine")
    world.tmux("join-pane", "-s", "=other:", "-t", "=mine:")
    assert world.sessions() == ["mine"]
    assert world.runtime.runtime_is_alive(handle)


def test_respawned_pane_does_not_run_the_agent(world, eventually):
    handle = world.create()
    world.tmux("respawn-pane", "-k", "-t", "=proj-1:", "cat")
    assert world.runtime.runtime_is_alive(handle) is False
    assert world.runtime.runtime_discover() == []


def test_stopped_server_is_unknown_within_the_deadline(world):
    handle = world.create()
    with stopped(world.server_pid()):
        started = time.monotonic()
        for hook in (world.runtime.runtime_is_alive, world.runtime.runtime_destroy):
            with pytest.raises(HookError, match="did not answer within"):
                call_within(3, lambda hook=hook: hook(handle))
        with pytest.raises(HookError, match="did not answer within"):
            call_within(3, lambda: world.runtime.runtime_list_alive([handle]))
        with pytest.raises(HookError, match="did not answer within"):
            call_within(3, world.runtime.runtime_discover)
        assert time.monotonic() - started < 40
        assert clients_of(world.socket) == []
    assert world.runtime.runtime_is_alive(handle)


def test_creation_on_a_stopped_server_starts_no_agent_later(world, eventually):
    world.start_foreign("mine")
    mark = world.directory / "started"
    with stopped(world.server_pid()), pytest.raises(HookError, match="did not answer within"):
        call_within(2, lambda: world.create(["touch", str(mark)]))
    assert eventually(world.sessions)  # the server has worked off what was sent to it before this
    assert world.runtime.runtime_discover() == []
    assert not mark.exists()


def test_hanging_server_does_not_hide_another(world):
    handle = world.create()
    other = world.runtime_at(str(world.directory / "t"))
    here, world.runtime = world.runtime, other
    elsewhere = world.create()
    world.runtime = here
    with stopped(world.server_pid()):
        answers = call_within(2, lambda: world.runtime.runtime_list_alive([handle, elsewhere, "nonsense"]))
    assert answers == {elsewhere: True}


def test_nothing_asked_is_nothing_answered(world):
    assert world.runtime.runtime_list_alive([]) == {}


def test_denied_access_is_unknown(world):
    handle = world.create()
    world.directory.chmod(0o700 if os.geteuid() == 0 else 0)
    try:
        with ordinary_user(), pytest.raises(HookError, match="Permission denied"):
            world.runtime.runtime_is_alive(handle)
    finally:
        world.directory.chmod(0o700)


def test_unlinked_socket_of_a_living_server_is_unknown(world, eventually):
    handle = world.create()
    server = world.server_pid()
    world.socket.unlink()
    with pytest.raises(HookError, match=f"kill -USR1 {server}"):
        world.runtime.runtime_is_alive(handle)
    os.kill(server, signal.SIGUSR1)
    eventually(world.socket.exists)
    assert world.runtime.runtime_is_alive(handle)


@pytest.mark.parametrize("kind", ["file", "new server"])
def test_replaced_socket_of_a_living_server_is_unknown(world, kind):
    handle = world.create()
    world.socket.unlink()
    if kind == "file":
        world.socket.write_text("")
    else:
        world.start_foreign("mine")
    with pytest.raises(HookError, match="still runs"):
        world.runtime.runtime_is_alive(handle)


def test_agent_that_outlives_its_server_is_neither_alive_nor_gone(world, eventually):
    handle = world.create(["sh", "-c", IGNORES_HANGUP])
    eventually(lambda: "READY" in world.runtime.runtime_get_output(handle, 5))
    os.kill(world.server_pid(), signal.SIGKILL)
    with pytest.raises(HookError, match=f"still runs as process {Handle.parse(handle).agent.pid}: .* rouser kill"):
        world.runtime.runtime_is_alive(handle)
    with pytest.raises(HookError, match="still runs as process"):
        world.runtime.runtime_list_alive([handle])
    world.runtime.runtime_destroy(handle)
    assert world.runtime.runtime_is_alive(handle) is False


def test_server_that_exits_while_it_is_looked_at_is_asked_again(world, monkeypatch):
    script, failures = client.Server.script, [client.ServerExitingError("exited", "server exited unexpectedly")]

    def exit_once(server, *lines, **options):
        if failures:
            raise failures.pop()
        return script(server, *lines, **options)

    handle = world.create(["cat"])
    monkeypatch.setattr(client.Server, "script", exit_once)
    assert [pane.token for pane in find(Handle.parse(handle))] == [Handle.parse(handle).token]
    assert failures == []


def test_agents_of_a_server_are_discovered_with_their_handles(world, make_session):
    assert world.runtime.runtime_discover() == []
    sessions = [make_session(), make_session()]
    handles = [world.create(name=f"n{index}", session=session) for index, session in enumerate(sessions)]
    world.create(["true"], name="ended")
    world.start_foreign("mine")
    world.tmux("rename-session", "-t", "=n1", "renamed")
    world.tmux("new-session", "-d", "-t", "=n0", "-s", "grouped")
    found = sorted(world.runtime.runtime_discover(), key=lambda runtime: runtime.name)
    assert [(one.handle, one.session_id, one.name) for one in found] == [
        (handles[0], sessions[0].id, "n0"),
        (handles[1], sessions[1].id, "n1"),
    ]


@pytest.fixture
def unseen(monkeypatch):
    """Take away the view of processes, and what is remembered of it; of neither, anything is left afterwards."""
    with monkeypatch.context() as patch:
        patch.setattr("rouser_tmux.processes._read_stat", lambda pid: None)
        processes.are_visible.cache_clear()
        yield
    processes.are_visible.cache_clear()


@pytest.mark.usefixtures("unseen")
def test_without_a_view_of_processes_tmux_is_believed(world):
    handle = world.create()
    world.end_later(world.server_pid())
    assert world.runtime.runtime_is_alive(handle) is True
    assert [found.handle for found in world.runtime.runtime_discover()] == [handle]
    world.runtime.runtime_destroy(handle)
    assert world.runtime.runtime_is_alive(handle) is False


def test_missing_socket_costs_no_tmux(world, monkeypatch):
    handle = world.create()
    world.runtime.runtime_destroy(handle)
    world.socket.unlink(missing_ok=True)
    monkeypatch.setenv("PATH", "/nowhere")
    assert world.runtime.runtime_is_alive(handle) is False


def test_what_fails_while_tmux_is_asked_is_no_answer(world, monkeypatch):
    def fail(*_):
        raise MemoryError

    handle = world.create()
    monkeypatch.setattr("rouser_tmux.panes._fresh", {})  # as in another process
    monkeypatch.setattr("rouser_tmux.census.left_nothing", fail)
    assert world.runtime.runtime_is_alive(handle) is True
