from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _nothing_of_the_users(tmp_path, monkeypatch):
    """Keep git, rouser and the examples away from everything that is the user's."""
    for name in [name for name in os.environ if name.startswith(("ROUSER_", "GIT_", "TMUX"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ROUSER_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("ROUSER_CONFIG", str(tmp_path / "rouser.toml"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Test")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "test@example.org")


@pytest.fixture
def repository(tmp_path):
    """A repository with one commit."""
    path = tmp_path / "shop"
    path.mkdir()
    for arguments in (("init", "-q", "-b", "main"), ("commit", "-q", "--allow-empty", "-m", "Start")):
        subprocess.run(["git", "-C", str(path), *arguments], check=True, timeout=30)
    return path
