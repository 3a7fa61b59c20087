"""Real repositories, with a git that reads no configuration but theirs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest


class Repo:
    """A checkout or bare repository that the tests look at with git itself."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def git(self, *args: str, at: Path | None = None) -> str:
        done = subprocess.run(
            ["git", *args], cwd=at or self.path, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, f"git {args}: {done.stderr}"
        return done.stdout.strip()

    def commit(self, name: str, text: str = "text\n", at: Path | None = None) -> str:
        directory = at or self.path
        (directory / name).write_text(text)
        self.git("add", "--", name, at=directory)
        self.git("commit", "-qm", f"Add {name}", at=directory)
        return self.git("rev-parse", "HEAD", at=directory)

    def branches(self) -> list[str]:
        return self.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split()

    def listed(self) -> list[Path]:
        lines = self.git("worktree", "list", "--porcelain").splitlines()
        return [Path(line.removeprefix("worktree ")) for line in lines if line.startswith("worktree ")]

    def hook(self, name: str, text: str) -> None:
        file = Path(self.git("rev-parse", "--absolute-git-dir"), "hooks", name)
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)


def new_repo(path: Path, *options: str) -> Repo:
    """Make an empty repository; ``options`` are those of ``git init``."""
    path.mkdir(parents=True)
    made = Repo(path)
    made.git("init", "-q", "-b", "main", *options)
    return made


def isolate_git(monkeypatch: pytest.MonkeyPatch, ceiling: Path) -> None:
    """Let no configuration of this machine, and no repository above ``ceiling``, count."""
    for name in [name for name in os.environ if name.startswith(("GIT_", "ROUSER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Test")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "test@example.com")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(ceiling))
