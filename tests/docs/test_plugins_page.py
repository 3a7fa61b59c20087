"""The plugins of docs/plugins.md work as they stand there: packaged, installed, used by the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from doc_pages import DOCS, blocks
from support.waiting import eventually

from rouser.host import Host
from rouser.runtime_provider import Runtime

PAGE = DOCS / "plugins.md"


@pytest.fixture
def installed(tmp_path):
    """The page's distribution, laid out as pip would, in a directory for ``PYTHONPATH``."""
    project = tomllib.loads(blocks(PAGE, "toml")[0])["project"]
    site = tmp_path / "site"
    metadata = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir(parents=True)
    metadata.joinpath("METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
    entries = "".join(f"{name} = {value}\n" for name, value in project["entry-points"]["rouser"].items())
    metadata.joinpath("entry_points.txt").write_text(f"[rouser]\n{entries}")
    (site / "rouser_pipes.py").write_text(blocks(PAGE, "python")[0])
    return site


@pytest.fixture
def rouser(installed, repository, tmp_path):
    """Run a command as a user would who has installed the page's distribution."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(installed),
        "ROUSER_PIPES_DIRECTORY": str(tmp_path / "processes"),
        "ROUSER_WORKTREE_BASE": str(tmp_path / "worktrees"),
    }

    def run(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "rouser", *arguments],
            cwd=repository,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout

    yield run
    for item in json.loads(run("ls", "--json")):
        run("rm", "--force", item["id"])


def agent_pid(item) -> int:
    return int(item["runtime_handle"].split(":")[1])


def runs(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_runtime_is_installed_by_its_entry_point_and_restores_a_session(rouser):
    found = {item["name"]: item for item in json.loads(rouser("plugins", "--json"))}
    assert found["pipes"]["status"] == "loaded"
    assert found["pipes"]["distribution"] == "rouser-pipes"

    rouser("spawn", "fix it", "--name", "login", "--runtime", "pipes", "--agent", "command", "--", "cat")
    session = json.loads(rouser("show", "login", "--json"))
    assert session["alive"] is True
    os.kill(agent_pid(session), 9)
    eventually(lambda: not json.loads(rouser("ls", "--json"))[0]["alive"])
    Path(session["workspace_path"], "work.py").write_text("pass\n")

    rouser("restore", "--all")
    again = json.loads(rouser("show", "login", "--json"))
    assert again["alive"] is True
    assert agent_pid(again) != agent_pid(session)
    assert Path(session["workspace_path"], "work.py").exists()
    rouser("send", "login", "hello")
    eventually(lambda: rouser("logs", "login").splitlines()[-1:] == ["hello"])
    rouser("kill", "login")
    assert not runs(agent_pid(again))


def test_the_runtime_refuses_a_setting_that_it_does_not_know(rouser, monkeypatch, installed):
    monkeypatch.setenv("ROUSER_PIPES_COLOUR", "red")
    namespace: dict[str, object] = {}
    exec(compile(blocks(PAGE, "python")[0], "rouser_pipes", "exec"), namespace)
    host = Host(settings={"pipes": {"colour": "red"}})
    host.register(namespace["ProcessRuntime"], "pipes")
    with pytest.raises(Exception, match="allowed is: directory"):
        Runtime(host, "pipes").is_alive("login:1:x")


def test_the_wrapper_runs_around_another_plugins_hook(capsys):
    namespace: dict[str, object] = {}
    exec(compile(blocks(PAGE, "python")[1], "stopwatch", "exec"), namespace)

    from rouser import hookimpl

    class Fake:
        @hookimpl
        def runtime_create(self, name):
            return f"handle of {name}"

        @hookimpl
        def runtime_is_alive(self, handle): ...

        @hookimpl
        def runtime_send_message(self, handle, message): ...

        @hookimpl
        def runtime_destroy(self, handle): ...

    host = Host()
    host.register(namespace["Stopwatch"], "stopwatch")
    host.register(Fake, "fake")
    assert host.call("fake", "runtime_create", session=None, name="x", cwd=None, command=[], env={}) == "handle of x"
    assert "x took 0.0" in capsys.readouterr().err
