"""Real repositories, with a git that reads no configuration but theirs."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def among_gits(factory: pytest.TempPathFactory, *, alone: bool = False) -> Iterator[None]:
    """Run a block while no test runs, in any worker, for which the gits of others are in the way.

    :param alone: whether this is such a test: to a lock of git's, every git is a suspect whose repository is not plain
        to see, as those in submodules are, and programs of the tests that are called git.
    """
    with (factory.getbasetemp().parent / "gits").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


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
