"""A private tmux server for each test, and a look at it that does not go through the code under test."""

import datetime as dt
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import libtmux
import pytest

from rouser import HookError, Session, SessionStatus
from rouser_tmux.handle import Handle
from rouser_tmux.plugin import TmuxRuntime
from rouser_tmux.processes import Process

RECORDER = """
import json, os, sys
out = sys.argv[1]
record = {
    "argv": [os.fsencode(a).hex() for a in sys.argv[2:]],
    "env": {k.hex(): v.hex() for k, v in os.environb.items()},
    "cwd": os.fsencode(os.getcwd()).hex(),
    "pid": os.getpid(),
}
with open(out + ".part", "w") as file:
    json.dump(record, file)
os.rename(out + ".part", out)
sys.stdin.read()
"""

# Takes what is typed as it comes, and appends it to a file; a second argument asks for bracketed paste.
TYPIST = """
import os, sys, tty
tty.setraw(0)
os.write(1, b"\\x1b[?2004hREADY" if len(sys.argv) > 2 else b"READY")
with open(sys.argv[1], "wb", 0) as out:
    while data := os.read(0, 65536):
        out.write(data)
"""


def eventually(condition, seconds=10.0):
    """Return what ``condition`` returns once that is true; fail if it never is."""
    give_up = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < give_up, "it never came to be"
        time.sleep(0.005)
    return result


def make_session():
    now = dt.datetime.now(dt.UTC)
    return Session(
        id=str(uuid.uuid4()),
        project_id="shop",
        status=SessionStatus.SPAWNING,
        agent="command",
        runtime="tmux",
        workspace="worktree",
        repository=Path("/"),
        branch="main",
        created_at=now,
        updated_at=now,
    )


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

    def python(self, code, *arguments):
        return [sys.executable, "-S", "-E", "-c", code, *arguments]

    def create(self, command=("cat",), name="proj-1", **changes):
        wanted = {"session": make_session(), "cwd": self.directory, "env": self.env} | changes
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
        handle = self.create(self.python(RECORDER, str(out), *arguments), name, **changes)
        record = json.loads(eventually(lambda: out.exists() and out.read_text()))
        record["argv"] = [bytes.fromhex(argument) for argument in record["argv"]]
        record["env"] = {bytes.fromhex(key): bytes.fromhex(value) for key, value in record["env"].items()}
        record["cwd"] = bytes.fromhex(record["cwd"])
        return handle, record

    def typist(self, *flags, name="typist"):
        """Start an agent that writes down what is typed; return its handle and the file."""
        out = self.directory / f"{name}.txt"
        out.touch()
        handle = self.create(self.python(TYPIST, str(out), *flags), name)
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
            timeout=10,
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


@pytest.fixture(name="make_session")
def make_session_fixture():
    return make_session
