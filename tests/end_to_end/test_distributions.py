"""The wheels in a clean environment, and a runtime that a stranger wrote, built and installed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.waiting import wait_for
from support.world import World

ROOT = Path(__file__).parents[2]
DEPENDENCIES = ROOT / ".cache" / "wheels"
DISTRIBUTIONS = (
    "core",
    "plugins/tmux",
    "plugins/worktree",
    "plugins/claude_code",
    "plugins/command",
    "plugins/process",
    "plugins/clone",
    "plugins/gemini",
    "plugins/codex",
    "plugins/opencode",
)

MORE = ("rouser-codex", "rouser-gemini", "rouser-opencode")

THIRD_PARTY = '''
"""A runtime that needs nothing: a process of its own session, its input a named pipe."""
import json, os, signal, subprocess
from pathlib import Path

from rouser import HookError, hookimpl

STATE = Path(os.environ["JOBS"])


def start_time(pid):
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


class Jobs:
    @hookimpl
    def runtime_create(self, session, name, cwd, command, env):
        home = STATE / name
        home.mkdir(parents=True, exist_ok=True)
        pipe = home / "input"
        if not pipe.exists():
            os.mkfifo(pipe, 0o600)
        reader = os.open(pipe, os.O_RDWR)
        with open(home / "output", "ab") as output:
            job = subprocess.Popen(command, cwd=cwd, env=env, stdin=reader, stdout=output, stderr=output,
                                   start_new_session=True)
        return json.dumps([name, job.pid, start_time(job.pid)])

    @hookimpl
    def runtime_is_alive(self, handle):
        name, pid, started = json.loads(handle)
        return started is not None and start_time(pid) == started

    @hookimpl
    def runtime_send_message(self, handle, message):
        if not self.runtime_is_alive(handle):
            raise HookError("the job has ended")
        with open(STATE / json.loads(handle)[0] / "input", "w") as pipe:
            pipe.write(message + "\\n")

    @hookimpl
    def runtime_destroy(self, handle):
        name, pid, started = json.loads(handle)
        while started is not None and start_time(pid) == started:
            os.killpg(pid, signal.SIGKILL)
'''

PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "rouser-jobs"
version = "0.3.1"
dependencies = ["rouser~=0.1.0"]

[project.entry-points.rouser]
jobs = "rouser_jobs:Jobs"

[tool.hatch.build.targets.wheel]
only-include = ["rouser_jobs.py"]
"""


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, timeout=110)


def build(into: Path, *sources: Path) -> None:
    pip(
        "wheel",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(into),
        *map(str, sources),
    )


@pytest.fixture(scope="module")
def clean() -> Iterator[Path]:
    """The programs' directory of an environment with rouser's wheels and a stranger's, built outside the repository."""
    with tempfile.TemporaryDirectory(prefix="rouser-clean-") as text:
        root = Path(text)
        project = root / "rouser-jobs"
        project.mkdir()
        (project / "pyproject.toml").write_text(PROJECT)
        (project / "rouser_jobs.py").write_text(THIRD_PARTY)
        build(root / "wheels", project, *(ROOT / name for name in DISTRIBUTIONS))
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / "env"], check=True, timeout=60)
        wheels = ("--no-index", "--find-links", str(root / "wheels"), "--find-links", str(DEPENDENCIES))
        pip("--python", str(root / "env/bin/python"), "install", *wheels, "rouser[standard]", *MORE, "rouser-jobs")
        yield root / "env/bin"


def test_a_strangers_runtime_serves_by_name_alone(clean: Path, world: World) -> None:
    world.extra |= {"PATH": f"{clean}:/usr/bin:/bin", "JOBS": str(world.root / "jobs"), "ROUSER_RUNTIME": "jobs"}
    listed = {item["name"]: item for item in world.ok("plugins", "--json").json}
    agents = {"claude-code", "codex", "command", "gemini", "opencode"}
    assert set(listed) == agents | {"clone", "jobs", "process", "tmux", "worktree"}
    assert listed["jobs"] == {
        "name": "jobs",
        "kinds": ["runtime"],
        "distribution": "rouser-jobs",
        "version": "0.3.1",
        "status": "loaded",
        "error": None,
    }

    session = world.spawn("the task", "--name", "mine")
    world.wait_for_line(session["id"], "the task")
    world.ok("kill", "mine")
    assert world.show("mine")["alive"] is False
    restored = world.ok("restore", "mine", "--json").json[0]

    assert (restored["runtime"], restored["runtime_name"], restored["alive"]) == ("jobs", "mine", True)
    wait_for(lambda: len(world.lines("line", session["id"])) == 2, "the fresh conversation got its prompt")
    assert world.tmux_sessions() == []
    world.ok("kill", "mine")


def test_any_subset_of_the_distributions_works(clean: Path, world: World) -> None:
    world.extra |= {"PATH": f"{clean}:/usr/bin:/bin", "JOBS": str(world.root / "jobs")}
    only = {"ROUSER_DISABLE_PLUGINS": "tmux,process,claude-code"}
    session = world.ok("spawn", "x", "--runtime", "jobs", "--json", "--", *world.agent, env=only).json
    assert session["alive"] is True
    refused = world.run("spawn", "x", "--", *world.agent, env=only)
    assert refused.code == 11
    assert "ROUSER_DISABLE_PLUGINS" in refused.err
    world.ok("kill", session["id"], env=only)
