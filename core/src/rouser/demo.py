"""``rouser demo``: the main job on a scratch repository, with the very commands that a user would type.

Everything happens below one temporary directory, with the plugins' scratch settings, so that nothing of the
user's own (sessions, tmux server, worktrees, configuration) is touched.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import click

from rouser.demo_agent import CONVERSATIONS, NOTES
from rouser.errors import ConfigError, RouserError
from rouser.host import Host
from rouser.providers import first_usable
from rouser.runtime_provider import Runtime

TASKS: Final = ("fix the flaky login test", "add CSV export", "bump dependencies")
_SECONDS: Final = 20.0


class DemoFailedError(RouserError):
    """The demo did not show what it should."""

    kind = "demo"


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The plugins that the demo runs with, by name; of several runtimes the first that can be used."""

    runtime: str
    agent: str
    workspace: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scratch:
    """The demo's own world."""

    root: Path
    environment: Mapping[str, str]

    @property
    def repository(self) -> Path:
        return self.root / "shop"

    @property
    def conversations(self) -> Path:
        return self.root / "conversations"


def run_demo(choice: Choice) -> None:
    """Spawn three sessions, kill what they run under, restore them, and check what came back.

    :raises DemoFailedError: something is not as it should be after the restore.
    :raises RouserError: a plugin or program is missing.
    """
    with _scratch(choice) as scratch:
        _say("A scratch repository, and three agents at work in it:")
        for task in TASKS:
            _rouser(scratch, "spawn", task, "--repo", str(scratch.repository))
        _wait(lambda: all(_notes(scratch, item) for item in _sessions(scratch)), "the agents did not start to work")
        _say("\nEach has its own workspace, with work in it that is not committed. Before:")
        _rouser(scratch, "ls")
        _kill_runtimes(scratch)
        _wait(lambda: not any(item["alive"] for item in _sessions(scratch)), "the agents did not die")
        _say("\nWhat they ran under was killed with SIGKILL, as by a crash:")
        _rouser(scratch, "ls")
        _say("\nBring them back:")
        _rouser(scratch, "restore", "--all")
        _wait(lambda: all("ready" in _log(scratch, item) for item in _sessions(scratch)), "the agents did not come up")
        _say("\nAfter:")
        _rouser(scratch, "ls")
        _say("\nWhat the agents say for themselves:")
        for item in _sessions(scratch):
            _rouser(scratch, "logs", item["id"][:8])
            _check(scratch, item)
        _say("\nEach runs again in its workspace, with its changes there and its prompt received once.")


def _say(text: str) -> None:
    click.echo(text)


@contextmanager
def _scratch(choice: Choice) -> Iterator[_Scratch]:
    """Provide the demo's world, and remove all of it at the end, whatever happened."""
    root = Path(tempfile.mkdtemp(prefix="rouser-demo-")).resolve()
    scratch = _Scratch(root=root, environment=_environment(root))
    try:
        _configure(root, choice)
        scratch.conversations.mkdir()
        _make_repository(scratch.repository)
        yield scratch
    finally:
        _clean_up(scratch)


def _environment(root: Path) -> dict[str, str]:
    """Return the caller's environment without its settings for rouser, git and Python's warnings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ROUSER_", "GIT_"))}
    return {
        **kept,
        "ROUSER_HOME": str(root / "home"),
        "ROUSER_CONFIG": str(root / "rouser.toml"),
        CONVERSATIONS: str(root / "conversations"),
        "GIT_CONFIG_GLOBAL": str(root / "gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
    }


def _configure(root: Path, choice: Choice) -> None:
    """Write a configuration under which every plugin keeps to ``root``.

    :raises ConfigError: the runtime or workspace cannot be kept apart from the user's own.
    """
    host = Host.load()
    host.require(choice.agent, "agent")
    choice = replace(choice, runtime=first_usable(host, "runtime", choice.runtime))
    settings: dict[str, dict[str, Any]] = {}
    for name, kind in ((choice.runtime, "runtime"), (choice.workspace, "workspace")):
        host.require(name, kind)
        if not host.implements(name, "plugin_scratch_settings"):
            raise ConfigError(f"the {kind} {name} cannot be run apart from your own sessions; choose another")
        _require_programs(host, name)
        settings[name] = dict(host.call(name, "plugin_scratch_settings", directory=root))
    agent = [sys.executable, "-m", "rouser.demo_agent"]
    settings[choice.agent] = {"command": agent, "resume": [*agent, "--resume"], "ready_pattern": "^ready$"}
    lines = [f"runtime = {json.dumps(choice.runtime)}", f"agent = {json.dumps(choice.agent)}"]
    lines.append(f"workspace = {json.dumps(choice.workspace)}")
    for name, table in settings.items():
        lines.append(f"[plugins.{json.dumps(name)}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    (root / "rouser.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _require_programs(host: Host, name: str) -> None:
    for finding in Runtime(host, name).diagnose():
        if not finding.ok:
            raise ConfigError(f"{finding.subject}: {finding.message}; {finding.remedy}".removesuffix("; "))


def _make_repository(path: Path) -> None:
    if shutil.which("git") is None:
        raise ConfigError("git is not installed; install it with your system's package manager")
    identity = ("-c", "user.name=rouser demo", "-c", "user.email=demo@example.invalid")
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(path)], check=True, timeout=_SECONDS)
    (path / "README").write_text("a scratch repository\n", encoding="utf-8")
    git = ["git", "-C", str(path)]
    subprocess.run([*git, "add", "README"], check=True, timeout=_SECONDS)
    subprocess.run([*git, *identity, "commit", "--quiet", "--message", "Start"], check=True, timeout=_SECONDS)


def _rouser(scratch: _Scratch, *arguments: str) -> None:
    """Run a command as the user would, its output going where ours goes."""
    shown = " ".join(f'"{word}"' if " " in word else word for word in arguments)
    _say(f"$ rouser {shown.replace(f' --repo {scratch.repository}', '')}")
    sys.stdout.flush()
    done = subprocess.run(
        [sys.executable, "-m", "rouser", *arguments], env=scratch.environment, check=False, stderr=subprocess.STDOUT
    )
    if done.returncode:
        raise DemoFailedError(f"rouser {arguments[0]} failed with exit code {done.returncode}")


def _ask(scratch: _Scratch, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "rouser", *arguments, "--json"],
        env=scratch.environment,
        check=False,
        capture_output=True,
    )
    return json.loads(done.stdout)


def _sessions(scratch: _Scratch) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _ask(scratch, "ls")
    return found


def _notes(scratch: _Scratch, item: Mapping[str, Any]) -> str:
    del scratch
    path = Path(item["workspace_path"]) / NOTES
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _log(scratch: _Scratch, item: Mapping[str, Any]) -> str:
    return str(_ask(scratch, "logs", item["id"])["output"])


def _kill_runtimes(scratch: _Scratch) -> None:
    """Kill what the agents run under; they wrote down themselves which process that is."""
    for file in scratch.conversations.glob("*.parent"):
        parent = int(file.read_text(encoding="utf-8"))
        file.unlink()
        if parent in {1, os.getpid(), os.getppid()}:
            raise DemoFailedError(f"an agent runs under process {parent}, which is not the demo's to kill")
        try:
            os.kill(parent, signal.SIGKILL)
        except ProcessLookupError:
            continue  # the agents share it, and it is gone


def _wait(condition: Callable[[], bool], failure: str) -> None:
    deadline = time.monotonic() + _SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise DemoFailedError(f"{failure} within {_SECONDS:.0f} s")
        time.sleep(0.05)


def _check(scratch: _Scratch, item: Mapping[str, Any]) -> None:
    task, short = item["task"], item["id"][:8]
    prompts = (scratch.conversations / item["id"]).read_text(encoding="utf-8").splitlines()
    output = _log(scratch, item)
    checks = {
        "its agent is not alive": item["alive"] is True,
        "its prompt was not received exactly once": prompts == [task],
        "its changes are not there": _notes(scratch, item) == f"work on: {task}\n",
        "its agent does not run in its workspace": item["workspace_path"] in output.replace("\n", ""),
        "its conversation was not resumed": f"resumed, 1 prompt so far: {task}" in output,
    }
    for failure, passed in checks.items():
        if not passed:
            raise DemoFailedError(f"{short} {task}: {failure}")


def _clean_up(scratch: _Scratch) -> None:
    """End what still runs and remove the directory; report what could not be, without hiding another error."""
    try:
        ids = [item["id"] for item in _sessions(scratch)]
        if ids:
            _ask(scratch, "rm", "--force", *ids)
    except (ValueError, OSError, TypeError) as error:
        click.echo(f"warning: could not clean up {scratch.root}: {error}", err=True)
    shutil.rmtree(scratch.root, ignore_errors=True)
