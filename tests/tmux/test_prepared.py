"""The client that creates a session is started before it is known what is to be created."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rouser import HookError
from rouser_tmux import prepared
from rouser_tmux.client import Server
from rouser_tmux.handle import Handle


@pytest.fixture
def begun(monkeypatch):
    """The clients that were started to wait."""
    seen = []
    begin = Server.begin

    def record(self):
        seen.append(begin(self))
        return seen[-1]

    monkeypatch.setattr(Server, "begin", record)
    return seen


def test_the_client_that_waits_creates(world, make_session, begun):
    world.runtime.runtime_creating(make_session())
    assert len(begun) == 1
    handle = world.create()
    assert len(begun) == 1
    assert world.runtime.runtime_is_alive(handle) is True
    assert world.sessions() == ["proj-1"]


def test_a_server_that_is_started_in_advance_keeps_nothing_of_its_callers_busy(world, make_session, monkeypatch):
    monkeypatch.chdir(world.directory)
    with (world.directory / "lock").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        world.runtime.runtime_creating(make_session())
    world.create()
    server = Path(f"/proc/{world.server_pid()}")
    assert (server / "cwd").readlink() == Path("/")
    assert not [link for link in (server / "fd").iterdir() if "lock" in str(link.readlink())]


def test_a_server_that_runs_has_no_client_waiting(world, make_session, begun):
    world.start_foreign("other")
    world.runtime.runtime_creating(make_session())
    assert begun == []
    assert world.runtime.runtime_is_alive(world.create()) is True


def test_a_server_that_was_killed_is_started_though_its_socket_is_left(world, make_session, begun, eventually):
    handle = world.create()
    os.kill(Handle.parse(handle).server.pid, signal.SIGKILL)
    eventually(lambda: world.is_known_dead(handle))
    assert world.socket.exists()
    world.runtime.runtime_creating(make_session())
    assert len(begun) == 1
    assert world.runtime.runtime_is_alive(world.create()) is True
    assert len(begun) == 1


@pytest.mark.parametrize("setting", ["", "named"])
def test_a_server_without_a_path_is_started_in_advance_too(world, make_session, monkeypatch, begun, setting):
    monkeypatch.setenv("TMUX_TMPDIR", str(world.directory))
    runtime = world.runtime_at(setting)
    runtime.runtime_creating(make_session())
    assert len(begun) == 1
    handle = Handle.parse(runtime.runtime_create(make_session(), "one", world.directory, ["cat"], world.env))
    world.end_later(handle.server.pid)
    assert handle.socket == f"{world.directory}/tmux-{os.getuid()}/{setting or 'default'}"
    runtime.runtime_creating(make_session())
    assert len(begun) == 1


def test_one_client_waits_for_many(world, make_session, begun):
    for _ in range(3):
        world.runtime.runtime_creating(make_session())
    assert len(begun) == 1
    names = [f"n{number}" for number in range(3)]
    assert all(world.runtime.runtime_is_alive(world.create(name=name)) for name in names)
    assert len(begun) == 1
    assert world.sessions() == names


def test_threads_leave_no_client_behind(world, make_session, begun):
    start = threading.Barrier(8)

    def prepare():
        start.wait(30)
        world.runtime.runtime_creating(make_session())

    threads = [threading.Thread(target=prepare) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    kept = prepared.take(Server(("-S", str(world.socket))))
    assert kept in begun
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    assert [Path("/proc", pid, "comm").read_text().strip() for pid in children].count("tmux: client") <= 1
    kept.end()


def test_a_server_that_went_away_meanwhile_is_started_again(world, make_session, eventually):
    world.runtime.runtime_creating(make_session())
    eventually(lambda: world.tmux("display-message", "-p", "#{pid}"))
    server = world.server_pid()
    world.tmux("kill-server")
    eventually(lambda: not Path(f"/proc/{server}/exe").exists())
    handle = world.create()
    assert world.runtime.runtime_is_alive(handle) is True
    assert world.sessions() == ["proj-1"]


def test_a_server_for_what_cannot_be_created_does_not_stay(world, make_session, eventually):
    world.runtime.runtime_creating(make_session())
    eventually(world.socket.exists)
    with pytest.raises(HookError, match="does not exist"):
        world.create(cwd=world.directory / "missing")
    eventually(lambda: _connects_nowhere(world.socket))


def test_nothing_stays_of_a_process_that_ends_before_it_creates(world, eventually):
    script = f"""\
import os, sys
from pathlib import Path
from rouser_tmux.client import Server
from rouser_tmux.prepared import prepare
prepare(Server(("-S", {str(world.socket)!r})))
sys.stdin.read()
os._exit(0)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) as process:
        eventually(lambda: world.tmux("display-message", "-p", "#{pid}"))
        server = world.server_pid()
        world.end_later(server)
        process.kill()
    eventually(lambda: not Path(f"/proc/{server}/exe").exists())


def test_without_tmux_it_is_the_creation_that_says_so(world, make_session, monkeypatch):
    monkeypatch.setenv("PATH", str(world.directory))
    with pytest.raises(HookError, match="install tmux"):
        world.runtime.runtime_creating(make_session())
    with pytest.raises(HookError, match="install tmux"):
        world.create(["/bin/cat"])


def _connects_nowhere(socket):
    done = subprocess.run(["tmux", "-S", str(socket), "list-sessions"], capture_output=True, check=False, timeout=30)
    return b"no server running" in done.stderr or b"error connecting" in done.stderr
