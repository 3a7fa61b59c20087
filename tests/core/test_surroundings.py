"""What plugins do to the process's environment and directory reaches nobody else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.plugins import install

from rouser.surroundings import Surroundings

POLLUTER = """
import os, threading, time
from rouser import hookimpl
os.environ.clear()
os.chdir("/")
threading.Thread(target=time.sleep, args=(1000,), daemon=False).start()

@hookimpl
def session_removed(session):
    pass
"""


def test_variables_and_directory_are_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KEPT", "yes")
    before = dict(os.environ)
    around = Surroundings()
    os.environ["KEPT"] = "no"
    os.environ["ADDED"] = "yes"
    del os.environ["PATH"]
    os.chdir("/")
    around.put_back()
    assert dict(os.environ) == before
    assert Path.cwd() == tmp_path


def test_the_umask_is_put_back() -> None:
    before = os.umask(0o027)
    try:
        around = Surroundings()
        os.umask(0o777)
        around.put_back()
        assert os.umask(0o077) == 0o027
    finally:
        os.umask(before)


def test_streams_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = sys.stdout, sys.stderr
    around = Surroundings()
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    around.put_back()
    assert (sys.stdout, sys.stderr) == before


def test_a_directory_that_is_gone_is_no_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    around = Surroundings()
    gone.rmdir()
    os.chdir("/")
    around.put_back()
    assert Path.cwd() == Path("/")


def test_a_command_ends_whatever_threads_a_plugin_leaves(tmp_path: Path) -> None:
    install(tmp_path / "plugins", "polluter", POLLUTER)
    done = subprocess.run(
        [sys.executable, "-m", "rouser", "plugins", "--json"],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "plugins"), "ROUSER_HOME": str(tmp_path)},
        capture_output=True,
        check=False,
        timeout=60,
    )
    states = {item["name"]: item["status"] for item in json.loads(done.stdout)}
    assert states["polluter"] == "loaded"
