"""A private directory of runtimes for each test, and a look at processes that does not go through the code under test."""

import contextlib
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

import pytest

from rouser import HookError, Session, SessionStatus
from rouser_process.handle import Handle
from rouser_process.plugin import ProcessRuntime

RECORDER = """
import json, os, signal, sys
out = sys.argv[1]
record = {
    "argv": [os.fsencode(a).hex() for a in sys.argv[2:]],
    "env": {k.hex(): v.hex() for k, v in os.environb.items()},
    "cwd": os.fsencode(os.getcwd()).hex(),
    "pid": os.getpid(),
    "sid": os.getsid(0),
    "tty": [os.isatty(fd) for fd in (0, 1, 2)],
    "fds": sorted(os.listdir("/proc/self/fd")),
    "ignored": open("/proc/self/status").read().partition("SigIgn:")[2].split()[0],
    "umask": open("/proc/self/status").read().partition("Umask:")[2].split()[0],
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
with open(sys.argv[1], "wb", 0) as out:
    os.write(1, b"\\x1b[?2004hREADY" if len(sys.argv) > 2 else b"READY")
    while data := os.read(0, 65536):
        out.write(data)
"""

STUBBORN = """
import signal, time
for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
print("STUBBORN", flush=True)
while True:
    time.sleep(60)
"""


def eventually(condition, seconds=10.0):
    """Return what ``condition`` returns once that is true; fail if it never is."""
    give_up = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < give_up, "it never came to be"
        time.sleep(0.005)
    return result


def runs(pid):
    """Whether a process runs; one that has ended and that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def make_session():
    now = dt.datetime.now(dt.UTC)
    return Session(
        id=str(uuid.uuid4()),
        project_id="shop",
        status=SessionStatus.SPAWNING,
        agent="command",
        runtime="process",
        workspace="worktree",
        repository=Path("/"),
        branch="main",
        created_at=now,
        updated_at=now,
    )


class World:
    """What a test has to itself: a directory, and a runtime plugin that uses it."""

    def __init__(self, directory):
        self.directory = directory
        self.base = directory / "runtimes"
        self.runtime = ProcessRuntime()
        self.runtime.plugin_configure({"directory": str(self.base)})
        self.env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        self._pids = []

    @staticmethod
    def python(code, *arguments):
        return [sys.executable, "-S", "-E", "-c", code, *arguments]

    def create(self, command=("cat",), name="proj-1", **changes):
        wanted = {"session": make_session(), "cwd": self.directory, "env": self.env} | changes
        return self.adopt(self.runtime.runtime_create(name=name, command=list(command), **wanted))

    def adopt(self, handle):
        """See to it that the processes of a runtime end with the test."""
        self._pids += [Handle.parse(handle).agent.pid, Handle.parse(handle).supervisor.pid]
        return handle

    def end_later(self, pid):
        self._pids.append(pid)

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
        handle = self.create(self.python(TYPIST, str(out), *flags), name)
        self.wait_for(handle, "READY")
        return handle, out

    def stubborn(self, name="stubborn"):
        """Start an agent that ignores what it can, and wait until it does."""
        handle = self.create(self.python(STUBBORN), name)
        self.wait_for(handle, "STUBBORN")
        return handle

    def wait_for(self, handle, text):
        eventually(lambda: text in self.printed(handle))

    def printed(self, handle):
        """What the agent printed, byte for byte, as it is on disk."""
        return (Handle.parse(handle).place / "output").read_bytes().decode(errors="replace")

    def signal(self, pid, number):
        os.kill(pid, number)
        if number == signal.SIGSTOP:
            eventually(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")

    def close(self):
        for handle in (place for place in self.base.glob("*.*") if self.base.exists()):
            with contextlib.suppress(OSError, ValueError, KeyError):
                fields = json.loads((handle / "runtime.json").read_text())
                self._pids += [fields["agent"][0], fields["supervisor"][0]]
        for pid in self._pids:
            if runs(pid) and is_ours(pid, self.directory):
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: not any(runs(pid) and is_ours(pid, self.directory) for pid in self._pids))
        shutil.rmtree(self.directory)


def is_ours(pid, directory):
    """Whether a process is one of a test's world, and not another that got its number."""
    try:
        return os.fsencode(directory) in Path(f"/proc/{pid}/cmdline").read_bytes() + os.fsencode(
            Path(f"/proc/{pid}/cwd").readlink()
        )
    except OSError:
        return False


@pytest.fixture
def world(monkeypatch):
    directory = Path(tempfile.mkdtemp(prefix="rp"))
    monkeypatch.setenv("ROUSER_HOME", str(directory / "home"))
    monkeypatch.setenv("HOME", str(directory))
    monkeypatch.delenv("ROUSER_TERMINAL", raising=False)
    world = World(directory)
    yield world
    world.close()


@pytest.fixture(name="eventually")
def eventually_fixture():
    return eventually


@pytest.fixture(name="runs")
def runs_fixture():
    return runs


@pytest.fixture(name="make_session")
def make_session_fixture():
    return make_session


@pytest.fixture
def refused():
    """What a call raises as a HookError, as text."""

    def ask(call, *arguments, **named):
        with pytest.raises(HookError) as caught:
            call(*arguments, **named)
        text = str(caught.value)
        assert "\n" not in text
        return text

    return ask


@pytest.fixture
def run_python():
    def run(code, *arguments, **options):
        return subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=30, check=True, **options
        ).stdout

    return run
