"""A runtime is one new tmux session, created by exactly one of those who try."""

import errno
import os
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rouser import HookError, hookimpl
from rouser_tmux import client, launch
from rouser_tmux.handle import Handle
from rouser_tmux.plugin import TmuxRuntime

USERS_CONFIG = """
set -g base-index 1
set -g pane-base-index 1
set -g default-command "echo from the default command"
set -g default-shell /bin/false
set -g remain-on-exit off
set -g destroy-unattached on
set -g set-titles on
set -s exit-empty off
set-hook -g after-new-session "split-window 'cat'"
set -g no-such-option 1
"""


def test_agent_is_the_panes_own_process(world):
    handle, record = world.record(name="proj-1")
    assert world.sessions() == ["proj-1"]
    assert world.tmux("list-panes", "-a", "-F", "#{pane_pid} #{pane_dead}") == [f"{record['pid']} 0"]
    assert Handle.parse(handle).agent.pid == record["pid"]


def test_a_server_that_is_started_keeps_no_directory_of_its_callers_busy_and_no_file(world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "lock").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        world.create()
        world.create(name="proj-2")
    server = Path(f"/proc/{world.server_pid()}")
    assert (server / "cwd").readlink() == Path("/")
    assert not [link for link in (server / "fd").iterdir() if "lock" in str(link.readlink())]


def test_handle_is_printable_and_reads_back(world):
    handle = world.create()
    assert handle.isprintable()
    assert str(Handle.parse(handle)) == handle


def test_a_server_that_was_started_with_a_relative_path_is_found_from_everywhere(world, make_session):
    subprocess.run(
        ["tmux", "-f", os.devnull, "-S", world.socket.name, "new-session", "-d", "-s", "other", "cat"],
        cwd=world.directory,
        check=True,
        timeout=30,
    )
    world.end_later(world.server_pid())
    handle = world.create()
    assert Handle.parse(handle).socket == str(world.socket)
    assert world.runtime.runtime_is_alive(handle) is True
    assert [found.handle for found in world.runtime.runtime_discover()] == [handle]
    pid = int(world.tmux("display-message", "-p", "-t", "=other:", "#{pane_pid}")[0])
    adopted = world.runtime.runtime_adopt(make_session(), pid)
    assert world.runtime.runtime_is_alive(adopted) is True


def test_socket_path_may_hold_anything_printable(world, make_session):
    socket = world.directory / "a b:c;#{x}'ü"
    runtime = world.runtime_at(str(socket))
    handle = runtime.runtime_create(make_session(), "odd", world.directory, ["cat"], world.env)
    world.end_later(Handle.parse(handle).server.pid)
    assert Handle.parse(handle).socket == str(socket)
    assert runtime.runtime_is_alive(handle)
    assert [found.handle for found in runtime.runtime_discover()] == [handle]
    runtime.runtime_destroy(handle)


@pytest.mark.parametrize(
    "text",
    [
        *("", "tmux", "tmux:v2:x", "docker:1"),
        *(
            f"tmux:{rest}"
            for rest in (
                "v1:0123456789abcdef:id:name:1@1:2@2:relative",
                "v2:0123456789abcdef:id:name:1@1:2@2:/socket",
                "v1:0123456789abcdeF:id:name:1@1:2@2:/socket",
                "v1:0123456789abcde:id:name:1@1:2@2:/socket",
                "v1:0123456789abcdef::name:1@1:2@2:/socket",
                "v1:0123456789abcdef:i d:name:1@1:2@2:/socket",
                "v1:0123456789abcdef:id::1@1:2@2:/socket",
                "v1:0123456789abcdef:id:na.me:1@1:2@2:/socket",
                "v1:0123456789abcdef:id:name:@1:2@2:/socket",
                "v1:0123456789abcdef:id:name:\u0661@1:2@2:/socket",
                "v1:0123456789abcdef:id:name:12345678901@1:2@2:/socket",
                "v1:0123456789abcdef:id:name:1@x:2@2:/socket",
                "v1:0123456789abcdef:id:name:1@1:2:/socket",
                "v1:0123456789abcdef:id:name:1@1:2@2:/soc\nket",
            )
        ),
    ],
)
def test_other_text_is_no_handle(text):
    with pytest.raises(HookError, match="not a handle"):
        Handle.parse(text)


@pytest.mark.parametrize("name", ["", "a.b", "a:b", "-a", "a b", "#(touch x)", "x" * 65, "a\n"])
def test_name_that_tmux_would_change_is_refused(world, name):
    with pytest.raises(HookError, match="cannot name"):
        world.create(name=name)
    assert not world.socket.exists()


def test_name_that_is_taken_is_left_alone(world):
    pid = world.start_foreign("proj-1")
    with pytest.raises(HookError, match=r"session proj-1 already, not one of rouser's: .* kill-session -t =proj-1"):
        world.create()
    assert world.tmux("list-panes", "-a", "-F", "#{pane_pid} #{pane_dead}") == [f"{pid} 0"]
    assert not list(world.launch_files.iterdir())


def test_name_that_another_runtime_has_is_left_alone(world, make_session):
    session = make_session()
    first = world.create(session=session)
    words = f"the agent of rouser session {session.short_id} runs: rename it with tmux -S .* rename-session -t =proj-1 "
    with pytest.raises(HookError, match=words):
        world.create()
    assert world.runtime.runtime_is_alive(first)


def test_name_of_what_another_session_has_left_is_left_alone(world, make_session, eventually):
    session = make_session()
    ended = world.create(["sh", "-c", "exit 7"], session=session)
    eventually(lambda: not world.runtime.runtime_is_alive(ended))
    eventually(lambda: world.tmux("list-panes", "-a", "-F", "#{pane_dead}") == ["1"])
    with pytest.raises(HookError, match=f"left by rouser session {session.short_id}: .* kill-session -t =proj-1"):
        world.create()
    assert world.sessions() == ["proj-1"]


def test_remains_of_the_same_session_give_way(world, make_session, eventually):
    session = make_session()
    ended = world.create(["sh", "-c", "exit 7"], session=session)
    eventually(lambda: not world.runtime.runtime_is_alive(ended))
    eventually(lambda: world.tmux("list-panes", "-a", "-F", "#{pane_dead}") == ["1"])
    again = world.create(session=session)
    assert world.runtime.runtime_is_alive(again)
    assert world.tmux("list-panes", "-a", "-F", "#{session_name} #{pane_dead}") == ["proj-1 0"]


def test_remains_beside_a_window_of_the_users_are_left_alone(world, make_session, eventually):
    session = make_session()
    ended = world.create(["sh", "-c", "exit 7"], session=session)
    eventually(lambda: not world.runtime.runtime_is_alive(ended))
    eventually(lambda: world.tmux("list-panes", "-a", "-F", "#{pane_dead}") == ["1"])
    world.tmux("new-window", "-d", "-t", "=proj-1:", "cat")
    with pytest.raises(HookError, match="has a session proj-1 already"):
        world.create(session=session)
    assert sorted(world.tmux("list-panes", "-a", "-F", "#{pane_dead}")) == ["0", "1"]


def test_name_that_begins_like_another_is_free(world):
    handles = [world.create(name=name) for name in ("proj-10", "proj-1", "proj")]
    assert all(world.runtime.runtime_is_alive(handle) for handle in handles)


@pytest.mark.parametrize("server", ["running", "none"])
def test_one_of_eight_at_once_wins(world, server):
    if server == "running":
        world.start_foreign("mine")
    results = []
    barrier = threading.Barrier(8)

    def attempt():
        barrier.wait()
        try:
            results.append(world.create())
        except HookError as error:
            results.append(error)

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [result for result in results if isinstance(result, str)]
    assert len(winners) == 1
    assert all("already" in str(result) for result in results if not isinstance(result, str))
    assert world.runtime.runtime_is_alive(winners[0])
    assert world.sessions() == sorted({"proj-1"} | ({"mine"} if server == "running" else set()))


def test_server_that_is_exiting_is_waited_for(world):
    for _ in range(5):
        handle = world.create()
        world.tmux("kill-server")
        again = world.create()
        assert world.runtime.runtime_is_alive(again)
        assert not world.runtime.runtime_is_alive(handle)
        world.runtime.runtime_destroy(again)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_server_that_exits_during_creation_is_tried_again(world, monkeypatch, moment):
    run, failures = client.Server.run, [client.ServerExitingError("exited", "server exited unexpectedly")]

    def fail_once(server, *commands, **options):
        printed = "" if failures and moment == "before" else run(server, *commands, **options)
        if failures:
            if moment == "after":
                run(server, ["kill-server"])
            raise failures.pop()
        return printed

    monkeypatch.setattr(client.Server, "run", fail_once)
    handle = world.create(["cat"], name="proj-1")
    pid = Handle.parse(handle).agent.pid
    assert world.tmux("list-panes", "-a", "-F", "#{session_name} #{pane_pid} #{pane_dead}") == [f"proj-1 {pid} 0"]
    assert world.runtime.runtime_is_alive(handle)
    assert not list(world.launch_files.iterdir())


def test_agent_that_exits_at_once_leaves_its_pane(world, eventually):
    for index in range(5):
        handle = world.create(["sh", "-c", "exit 7"], name=f"n{index}")
        eventually(lambda handle=handle: not world.runtime.runtime_is_alive(handle))

    def all_are_dead():
        os.kill(world.server_pid(), signal.SIGCHLD)  # some builds of tmux miss the one that the kernel sends
        return world.tmux("list-panes", "-a", "-F", "#{pane_dead_status}") == ["7"] * 5

    eventually(all_are_dead)
    assert world.sessions() == [f"n{index}" for index in range(5)]


def test_configuration_of_the_user_does_not_matter(world, eventually):
    (world.directory / ".tmux.conf").write_text(USERS_CONFIG)
    out = world.directory / "out"
    handle = world.create(["sh", "-c", f"echo ready; read line; echo $line > {out}; cat"])
    assert world.tmux("show-options", "-gv", "base-index") == ["1"]
    assert world.runtime.runtime_is_alive(handle)
    eventually(lambda: world.runtime.runtime_get_output(handle, 5) == "ready")
    world.runtime.runtime_send_message(handle, "hello")
    eventually(lambda: out.exists() and out.read_text() == "hello\n")
    world.runtime.runtime_destroy(handle)
    assert not world.runtime.runtime_is_alive(handle)
    assert world.sessions() == []


BEFORE = ("split-window -b cat", "new-window -b cat", "split-window -fb cat ; new-window cat")
RENAMED = "rename-session 'proj/#{session_name}#{session_id}'"


@pytest.mark.parametrize("hook", [*BEFORE, RENAMED, f"{RENAMED} ; {BEFORE[0]}"])
@pytest.mark.parametrize("together", [1, 3])
def test_the_agents_pane_is_known_from_those_that_hooks_of_the_users_make(world, eventually, hook, together):
    """Words for the agent must never reach a shell of the user's, and no agent may be forgotten."""
    (world.directory / ".tmux.conf").write_text(f'set-hook -g after-new-session "{hook}"\n')
    outs = [world.directory / f"out{number}" for number in range(together)]
    command = "echo ready; read line; echo $line > {}; exec cat"
    with ThreadPoolExecutor(together) as pool:
        create = [pool.submit(world.create, ["sh", "-c", command.format(out)], f"n-{out.name}") for out in outs]
        handles = [future.result() for future in create]
    for handle, out in zip(handles, outs, strict=True):
        assert world.runtime.runtime_is_alive(handle)
        eventually(lambda handle=handle: world.runtime.runtime_get_output(handle, 5) == "ready")
        world.runtime.runtime_send_message(handle, out.name)
        eventually(lambda out=out: out.exists() and out.read_text() == f"{out.name}\n")
    marked = world.tmux("list-panes", "-a", "-f", "#{@rouser_runtime}", "-F", "#{pane_pid} #{@rouser_pid}")
    agents = [Handle.parse(handle).agent.pid for handle in handles]
    assert sorted(marked) == sorted(f"{pid} {pid}" for pid in agents)
    for handle in handles:
        world.runtime.runtime_destroy(handle)
    assert world.sessions() == []
    assert not any(Handle.parse(handle).agent.runs() for handle in handles)


def test_an_agent_whose_session_a_hook_ends_is_an_error_and_ends(world):
    (world.directory / ".tmux.conf").write_text('set-hook -g after-new-session "kill-session"\nset -s exit-empty off\n')
    with pytest.raises(HookError, match="do hooks in"):
        world.create(["sleep", "1000"])
    world.end_later(world.server_pid())
    assert world.sessions() == []
    assert not list(world.launch_files.iterdir())


def test_global_options_stay_as_they_are(world):
    world.start_foreign("mine")
    scopes = (["-g"], ["-s"], ["-gw"])
    before = [world.tmux("show-options", *scope) for scope in scopes]
    world.create()
    assert [world.tmux("show-options", *scope) for scope in scopes] == before


def test_rouser_inside_tmux_uses_the_configured_server(world, monkeypatch):
    monkeypatch.setenv("TMUX", "/nowhere/else,1,0")
    monkeypatch.setenv("TMUX_PANE", "%7")
    assert world.runtime.runtime_is_alive(world.create())
    assert not [line for line in world.tmux("show-environment", "-g") if line.startswith("TMUX")]


def test_default_server_and_named_ones_live_where_tmux_puts_them(world, monkeypatch):
    monkeypatch.setenv("TMUX_TMPDIR", str(world.directory))
    for setting, name in (("", "default"), ("work", "work")):
        world.runtime = world.runtime_at(setting)
        handle = world.create(name=f"on-{name}")
        assert Handle.parse(handle).socket.startswith(str(world.directory))
        assert Handle.parse(handle).socket.endswith(f"/{name}")
        monkeypatch.setenv("TMUX_TMPDIR", str(world.directory))
        assert world.runtime_at("elsewhere").runtime_is_alive(handle)


def test_socket_that_cannot_be_made_is_an_error(world, make_session):
    runtime = world.runtime_at(str(world.directory / "missing" / "s"))
    with pytest.raises(HookError, match=r"error creating .*missing/s"):
        runtime.runtime_create(make_session(), "x", world.directory, ["cat"], world.env)


def test_missing_tmux_is_named(world, monkeypatch):
    monkeypatch.setenv("PATH", str(world.directory))
    with pytest.raises(HookError, match="tmux is not installed"):
        world.create(["/bin/cat"])


def test_argument_that_ends_in_a_semicolon_is_no_end_of_a_command():
    chained = client._chain([["a", "b;"], ["c", "\\;", ";"]])
    assert chained == ["a", "b\\;", ";", "c", "\\\\;", "\\;"]


def test_all_hooks_of_a_runtime_are_implemented():
    marker = f"{hookimpl.project_name}_impl"
    implemented = {name for name in dir(TmuxRuntime) if hasattr(getattr(TmuxRuntime, name), marker)}
    specified = {name for name in dir(TmuxRuntime) if name.startswith(("runtime_", "plugin_"))}
    remote = {"runtime_options", "runtime_describe", "runtime_end"}  # for those that queue and place agents
    assert specified - implemented == remote


def test_an_error_of_the_disk_behind_the_creation_leaves_no_runtime(world, monkeypatch):
    def fail(path, pid):
        raise InterruptedError(errno.EINTR, "Interrupted system call")

    monkeypatch.setattr(launch, "is_pending", fail)
    with pytest.raises(OSError, match="Interrupted"):
        world.create()
    monkeypatch.undo()
    assert world.runtime.runtime_discover() == []
    world.create()
