"""A private tmux server for each test, and a look at it that does not go through the code under test."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import libtmux
import pytest
from support.programs import RECORDER, TYPIST, python, recorded
from support.sessions import spawned_session
from support.waiting import eventually

from rouser import HookError
from rouser_tmux.handle import Handle
from rouser_tmux.plugin import TmuxRuntime
from rouser_tmux.processes import Process


class World:
    """What a test has to itself: a directory, a tmux server, and a runtime plugin that uses it."""

    def __init__(self, directory):
        self.directory = directory
        self.socket = directory / "s"
        self.runtime = self.runtime_at(str(self.socket))
        self.probe = libtmux.Server(socket_path=str(self.socket), config_file=os.devnull)
        self.env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        self.launch_files = directory / "home" / "launch"
        self._to_end = []

    @staticmethod
    def runtime_at(socket):
        runtime = TmuxRuntime()
        runtime.plugin_configure({"socket": socket})
        return runtime

    def create(self, command=("cat",), name="proj-1", **changes):
        wanted = {"session": spawned_session(), "cwd": self.directory, "env": self.env} | changes
        handle = self.runtime.runtime_create(name=name, command=list(command), **wanted)
        self._to_end += [Handle.parse(handle).agent, Handle.parse(handle).server]
        return handle

    def is_known_dead(self, handle):
        try:
            return self.runtime.runtime_is_alive(handle) is False
        except HookError:
            return False

    def record(self, *arguments, name="recorder", **changes):
        """Start an agent that writes down how it was started; return that, in bytes."""
        out = self.directory / f"{name}.json"
        handle = self.create(python(RECORDER, str(out), *arguments), name, **changes)
        return handle, recorded(out)

    def typist(self, *flags, name="typist"):
        """Start an agent that writes down what is typed; return its handle and the file."""
        out = self.directory / f"{name}.txt"
        out.touch()
        handle = self.create(python(TYPIST, str(out), *flags), name)
        eventually(lambda: "READY" in self.screen(handle))
        return handle, out

    def screen(self, handle):
        return "\n".join(self.tmux("capture-pane", "-p", "-t", f"={Handle.parse(handle).name}:"))

    def tmux(self, *command):
        """Run a tmux command through libtmux, which knows nothing of the code under test."""
        return self.probe.cmd(*command).stdout

    def sessions(self):
        return sorted(self.tmux("list-sessions", "-F", "#{session_name}"))

    def start_foreign(self, name, *command):
        """Start a tmux session that is not rouser's, and return its pane's pid."""
        subprocess.run(
            ["tmux", "-f", os.devnull, "-S", self.socket, "new-session", "-d", "-s", name, *(command or ("cat",))],
            check=True,
            timeout=30,
        )
        self.end_later(self.server_pid())
        return int(self.tmux("display-message", "-p", "-t", f"={name}:", "#{pane_pid}")[0])

    def server_pid(self):
        return int(self.tmux("display-message", "-p", "#{pid}")[0])

    def end_later(self, pid):
        self._to_end.append(Process.identify(pid))

    def close(self):
        for process in reversed(self._to_end):
            process.send(signal.SIGKILL)
            process.send(signal.SIGCONT)
        eventually(lambda: not any(process.runs() for process in self._to_end))
        shutil.rmtree(self.directory)


@pytest.fixture
def world(monkeypatch):
    directory = Path(tempfile.mkdtemp(prefix="rt", dir="/tmp"))  # a socket's path must be shorter than pytest's are
    monkeypatch.setenv("ROUSER_HOME", str(directory / "home"))
    monkeypatch.setenv("HOME", str(directory))
    for name in ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "TMUX", "TMUX_PANE", "TMUX_TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    world = World(directory)
    yield world
    world.close()


@pytest.fixture(name="eventually")
def eventually_fixture():
    return eventually


@pytest.fixture
def make_session():
    return spawned_session
