"""A private directory of runtimes for each test, and a look at processes that does not go through the code under test."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import pytest
from support.errors import refusal
from support.programs import RECORDER, STUBBORN, TYPIST, python, recorded
from support.sessions import spawned_session
from support.waiting import eventually

from rouser_process.handle import Handle
from rouser_process.plugin import ProcessRuntime


def runs(pid):
    """Whether a process runs; one that has ended and that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class World:
    """What a test has to itself: a directory, and a runtime plugin that uses it."""

    def __init__(self, directory):
        self.directory = directory
        self.base = directory / "runtimes"
        self.runtime = ProcessRuntime()
        self.runtime.plugin_configure({"directory": str(self.base)})
        self.env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        self._pids = []

    def create(self, command=("cat",), name="proj-1", **changes):
        wanted = {"session": spawned_session(runtime="process"), "cwd": self.directory, "env": self.env} | changes
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
        handle = self.create(python(RECORDER, str(out), *arguments), name, **changes)
        return handle, recorded(out)

    def typist(self, *flags, name="typist"):
        """Start an agent that writes down what is typed; return its handle and the file."""
        out = self.directory / f"{name}.txt"
        handle = self.create(python(TYPIST, str(out), *flags), name)
        self.wait_for(handle, "READY")
        return handle, out

    def stubborn(self, name="stubborn"):
        """Start an agent that ignores what it can, and wait until it does."""
        handle = self.create(python(STUBBORN), name)
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


@pytest.fixture
def make_session():
    return partial(spawned_session, runtime="process")


@pytest.fixture
def refused():
    return refusal


@pytest.fixture
def run_python():
    def run(code, *arguments, **options):
        return subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=30, check=True, **options
        ).stdout

    return run
