"""Agents that people started in panes of their own are adopted, and the panes stay theirs."""

import os
import signal
import subprocess
import sys

import pytest

from rouser import HookError
from rouser_tmux.handle import Handle
from rouser_tmux.panes import MARKS
from rouser_tmux.processes import Process

# Writes down its pid and that of a child, shows what it is sent, and ends at the end of its input.
AGENT = """
import os, subprocess, sys
child = subprocess.Popen(["sleep", "300"])
with open(sys.argv[1] + ".part", "w") as file:
    print(os.getpid(), child.pid, file=file)
os.rename(sys.argv[1] + ".part", sys.argv[1])
print("agent up", flush=True)
for line in sys.stdin:
    print("got", line, end="", flush=True)
"""

STUBBORN = "import signal; [signal.signal(n, signal.SIG_IGN) for n in (signal.SIGHUP, signal.SIGTERM)]\n"


class Users:
    """A tmux session of the user's, with an agent in it that was started by hand."""

    def __init__(self, world, eventually, code=AGENT, name="mine", in_shell=True):
        self.world, self.name = world, name
        self.file = world.directory / f"{name}.pids"
        script = world.directory / f"{name}.py"
        script.write_text(code)
        command = f"{sys.executable} -S -E {script} {self.file}"
        if in_shell:
            self.shell = world.start_foreign(name, "env", "ENV=", "PS1=shell>", "sh", "-i")
            eventually(lambda: "shell>" in self.screen())
            world.tmux("send-keys", "-t", f"={name}:", command, "Enter")
        else:
            self.shell = world.start_foreign(name, *command.split(" "))
        world.end_later(self.shell)
        self.pid, self.child = map(int, eventually(lambda: self.file.exists() and self.file.read_text()).split())
        for pid in (self.pid, self.child):
            world.end_later(pid)
        eventually(lambda: "agent up" in self.screen())

    def screen(self):
        return "\n".join(self.world.tmux("capture-pane", "-p", "-t", f"={self.name}:"))

    def marks(self):
        shown = self.world.tmux("show-options", "-p", "-t", f"={self.name}:")
        return sorted(line.partition(" ")[0] for line in shown)

    def look(self):
        """Return what people could notice."""
        pane = "#{session_name} #{pane_id} #{pane_pid} #{window_layout} #{remain-on-exit} #{pane_title}"
        return self.world.tmux("list-panes", "-a", "-F", pane), self.world.tmux("show-options", "-t", f"={self.name}:")


@pytest.fixture
def users(world, eventually):
    return Users(world, eventually)


def runs(pid):
    return Process.identify(pid).runs()


def test_an_adopted_agent_is_alive_in_the_users_pane_and_nothing_else_has_changed(world, users, make_session):
    before = users.look()
    session = make_session()
    handle = world.runtime.runtime_adopt(session, users.pid)
    assert Handle.parse(handle).agent.pid == users.pid
    assert world.runtime.runtime_is_alive(handle) is True
    assert world.runtime.runtime_list_alive([handle]) == {handle: True}
    (found,) = world.runtime.runtime_discover()
    assert (found.handle, found.session_id, found.name) == (handle, session.id, session.short_id)
    assert users.look() == before
    assert users.marks() == sorted(MARKS)


def test_messages_logs_and_attaching_reach_its_pane(world, users, make_session, eventually):
    handle = world.runtime.runtime_adopt(make_session(), users.pid)
    world.runtime.runtime_send_message(handle, "hello")
    eventually(lambda: "got hello" in world.runtime.runtime_get_output(handle, 5))
    pane = world.tmux("display-message", "-p", "-t", "=mine:", "#{session_id}:#{window_id}.#{pane_id}")[0]
    assert world.runtime.runtime_attach_command(handle)[-1] == pane


def test_destroying_ends_the_agent_and_what_it_started_and_leaves_the_shell_to_the_user(
    world, users, make_session, eventually
):
    world.start_foreign("other")
    world.tmux("split-window", "-d", "-t", "=mine:", "cat")
    neighbours = world.tmux("list-panes", "-a", "-F", "#{pane_id} #{pane_pid} #{pane_dead}")
    handle = world.runtime.runtime_adopt(make_session(), users.pid)
    world.runtime.runtime_destroy(handle)
    assert not runs(users.pid)
    assert not runs(users.child)
    assert world.tmux("list-panes", "-a", "-F", "#{pane_id} #{pane_pid} #{pane_dead}") == neighbours
    assert users.marks() == []
    world.tmux("send-keys", "-t", "=mine:", "echo still $((40 + 2)) here", "Enter")
    eventually(lambda: "still 42 here" in users.screen())
    assert world.runtime.runtime_is_alive(handle) is False
    world.runtime.runtime_destroy(handle)
    assert runs(users.shell)


def test_an_agent_that_ignores_signals_is_ended_all_the_same(world, make_session, eventually):
    users = Users(world, eventually, STUBBORN + AGENT)
    handle = world.runtime.runtime_adopt(make_session(), users.pid)
    world.runtime.runtime_destroy(handle)
    assert not runs(users.pid)
    assert not runs(users.child)
    assert runs(users.shell)


def test_a_background_job_of_the_users_shell_is_no_part_of_the_agent(world, users, make_session, eventually):
    other = subprocess.Popen(["sleep", "300"])
    try:
        world.tmux("split-window", "-d", "-t", "=mine:", f"sleep 300 & echo $! > {world.directory}/job; wait")
        job = int(eventually(lambda: (world.directory / "job").exists() and (world.directory / "job").read_text()))
        world.end_later(job)
        world.runtime.runtime_destroy(world.runtime.runtime_adopt(make_session(), users.pid))
        assert runs(job)
        assert runs(other.pid)
    finally:
        other.kill()
        other.wait()


def test_an_agent_that_is_the_panes_own_process_can_be_adopted_too(world, make_session, eventually):
    world.start_foreign("other")
    users = Users(world, eventually, in_shell=False)
    assert users.pid == users.shell
    handle = world.runtime.runtime_adopt(make_session(), users.pid)
    assert world.runtime.runtime_is_alive(handle) is True
    world.runtime.runtime_destroy(handle)
    assert not runs(users.pid)
    eventually(lambda: world.sessions() == ["other"])


def test_after_the_agent_has_ended_its_pane_is_nobodys_business(world, users, make_session, eventually):
    handle = world.runtime.runtime_adopt(make_session(), users.pid)
    world.tmux("send-keys", "-t", "=mine:", "C-d", "")
    eventually(lambda: not runs(users.pid))
    world.tmux("send-keys", "-t", "=mine:", "echo private", "Enter")
    assert world.runtime.runtime_is_alive(handle) is False
    assert world.runtime.runtime_discover() == []
    with pytest.raises(HookError, match="has ended"):
        world.runtime.runtime_get_output(handle, 10)
    with pytest.raises(HookError, match="has ended"):
        world.runtime.runtime_send_message(handle, "touch harm")
    world.runtime.runtime_destroy(handle)
    assert users.marks() == []
    assert runs(users.shell)


def test_nothing_is_typed_into_the_shell_of_an_agent_that_was_put_aside(world, users, make_session, eventually):
    handle = world.runtime.runtime_adopt(make_session(), users.pid)
    world.tmux("send-keys", "-t", "=mine:", "C-z", "")
    eventually(lambda: world.tmux("display-message", "-p", "-t", "=mine:", "#{pane_current_command}") == ["sh"])
    with pytest.raises(HookError, match="not in the foreground"):
        world.runtime.runtime_send_message(handle, f"touch {world.directory}/harm")
    assert world.runtime.runtime_is_alive(handle) is True
    world.tmux("send-keys", "-t", "=mine:", "fg", "Enter")
    eventually(lambda: world.tmux("display-message", "-p", "-t", "=mine:", "#{pane_current_command}") != ["sh"])
    world.runtime.runtime_send_message(handle, "hello")
    eventually(lambda: "got hello" in users.screen())
    assert not (world.directory / "harm").exists()


def test_it_may_be_adopted_again_for_the_same_session_and_for_no_other(world, users, make_session):
    session = make_session()
    handle = world.runtime.runtime_adopt(session, users.pid)
    assert world.runtime.runtime_adopt(session, users.pid) == handle
    with pytest.raises(HookError, match=session.short_id):
        world.runtime.runtime_adopt(make_session(), users.pid)
    assert world.runtime.runtime_is_alive(handle) is True


def test_a_pane_whose_adopted_agent_has_ended_can_be_adopted_for_the_next(world, users, make_session, eventually):
    old = world.runtime.runtime_adopt(make_session(), users.pid)
    world.tmux("send-keys", "-t", "=mine:", "C-d", "")
    eventually(lambda: not runs(users.pid))
    users.file.unlink()
    world.tmux("send-keys", "-t", "=mine:", f"{sys.executable} -S -E {world.directory}/mine.py {users.file}", "Enter")
    pid, child = map(int, eventually(lambda: users.file.exists() and users.file.read_text()).split())
    world.end_later(pid)
    world.end_later(child)
    new = world.runtime.runtime_adopt(make_session(), pid)
    world.runtime.runtime_destroy(old)
    assert world.runtime.runtime_is_alive(old) is False
    assert world.runtime.runtime_is_alive(new) is True


def test_a_process_in_no_pane_is_not_adopted(world, make_session):
    outside = subprocess.Popen(["sleep", "300"], env={"PATH": os.environ["PATH"]})
    try:
        assert world.runtime.runtime_adopt(make_session(), outside.pid) is None
        world.start_foreign("mine")
        assert world.runtime.runtime_adopt(make_session(), outside.pid) is None
    finally:
        outside.kill()
        outside.wait()


def test_a_process_that_has_ended_is_refused(world, users, make_session, eventually):
    os.kill(users.pid, signal.SIGKILL)
    eventually(lambda: not runs(users.pid))
    with pytest.raises(HookError, match="has ended"):
        world.runtime.runtime_adopt(make_session(), users.pid)


def test_an_agent_in_a_session_that_rouser_made_is_refused(world, make_session, eventually):
    handle = world.create()
    world.tmux("split-window", "-d", "-t", "=proj-1:", f"echo $$ > {world.directory}/pid; exec cat")
    pid = int(eventually(lambda: (world.directory / "pid").exists() and (world.directory / "pid").read_text()))
    with pytest.raises(HookError, match="break-pane"):
        world.runtime.runtime_adopt(make_session(), pid)
    assert world.runtime.runtime_is_alive(handle) is True


def test_its_server_is_found_by_its_environment_whatever_the_setting_says(world, users, make_session):
    elsewhere = world.runtime_at(str(world.directory / "elsewhere"))
    handle = elsewhere.runtime_adopt(make_session(), users.pid)
    assert Handle.parse(handle).socket == str(world.socket)
    assert elsewhere.runtime_is_alive(handle) is True


def test_a_server_that_does_not_answer_is_not_taken_for_one_without_the_agent(world, users, make_session, monkeypatch):
    monkeypatch.setattr("rouser_tmux.client._LONGEST", 0.3)
    os.kill(world.server_pid(), signal.SIGSTOP)
    with pytest.raises(HookError, match="did not answer"):
        world.runtime.runtime_adopt(make_session(), users.pid)


def test_it_is_gone_when_its_server_was_killed(world, users, make_session, eventually):
    handle = world.runtime.runtime_adopt(make_session(), users.pid)
    os.kill(world.server_pid(), signal.SIGKILL)
    eventually(lambda: not runs(users.pid))
    assert world.runtime.runtime_is_alive(handle) is False
    world.runtime.runtime_destroy(handle)


def test_one_that_survived_its_server_is_known_to_live_and_ended_when_it_is_destroyed(world, make_session, eventually):
    waiting = AGENT.partition("for line")[0] + "import time\nwhile True: time.sleep(1)\n"
    users = Users(world, eventually, STUBBORN + waiting)
    handle = world.runtime.runtime_adopt(make_session(), users.pid)
    os.kill(world.server_pid(), signal.SIGKILL)
    eventually(lambda: not runs(users.shell))
    with pytest.raises(HookError, match="still runs"):
        world.runtime.runtime_is_alive(handle)
    world.runtime.runtime_destroy(handle)
    assert not runs(users.pid)
    assert world.runtime.runtime_is_alive(handle) is False
