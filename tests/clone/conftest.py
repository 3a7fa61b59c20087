"""Real repositories in temporary directories, with a git that reads no configuration but theirs."""

import os
import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from rouser import HookError, Session, SessionStatus
from rouser_clone.plugin import CloneWorkspace


class Repo:
    """A checkout or bare repository that the tests look at with git itself."""

    def __init__(self, path):
        self.path = path

    def git(self, *args, at=None):
        done = subprocess.run(
            ["git", *args], cwd=at or self.path, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, f"git {args}: {done.stderr}"
        return done.stdout.strip()

    def commit(self, name, text="text\n"):
        (self.path / name).write_text(text)
        self.git("add", "--", name)
        self.git("commit", "-qm", f"Add {name}")
        return self.git("rev-parse", "HEAD")

    def branches(self):
        return self.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split()

    def hook(self, name, text):
        file = Path(self.git("rev-parse", "--absolute-git-dir"), "hooks", name)
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)


@pytest.fixture(autouse=True)
def isolated_git(monkeypatch, tmp_path_factory):
    for name in [name for name in os.environ if name.startswith(("GIT_", "ROUSER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Test")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "test@example.com")
    # Repositories are found upwards; none around the temporary directories may be.
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path_factory.getbasetemp()))


@pytest.fixture
def make_repo():
    def make(path, *options):
        path.mkdir(parents=True)
        made = Repo(path)
        made.git("init", "-q", "-b", "main", *options)
        return made

    return make


@pytest.fixture
def repo(make_repo, tmp_path):
    made = make_repo(tmp_path / "shop")
    made.commit("a.txt")
    return made


@pytest.fixture
def origin(make_repo, repo, tmp_path):
    """A bare repository that ``repo`` pushes to and has pushed to."""
    made = make_repo(tmp_path / "origin.git", "--bare")
    repo.git("remote", "add", "origin", str(made.path))
    repo.git("push", "-q", "-u", "origin", "main")
    return made


@pytest.fixture
def base(tmp_path):
    return tmp_path / "base"


@pytest.fixture
def plugin(base):
    made = CloneWorkspace()
    made.plugin_configure({"base": str(base)})
    return made


@pytest.fixture
def new_session(repo):
    def new(**fields):
        now = datetime.now(UTC)
        plain = Session(
            id=str(uuid4()),
            project_id="shop",
            status=SessionStatus.SPAWNING,
            agent="command",
            runtime="process",
            workspace="clone",
            repository=repo.path,
            branch="rouser/fix",
            created_at=now,
            updated_at=now,
        )
        return replace(plain, **fields)

    return new


@pytest.fixture
def session(new_session):
    return new_session()


@pytest.fixture
def spawn(plugin):
    """Create a session's clone as the host does; return it as a repository."""

    def create(session, base=None):
        return Repo(plugin.workspace_create(session, session.repository, session.branch, base))

    return create


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
def until():
    def wait(condition, seconds=15):
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.01)
        return value

    return wait
