"""What a test of a workspace has to itself: a host with the plugin, and repositories that git itself looks at."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from rouser.host import Host
from rouser.models import Session
from rouser.testing.base import DEADLINE, NAME, Conformance
from rouser.testing.sessions import new_session
from rouser.testing.verdict import expect
from rouser.workspace_provider import Workspace

_GIT_SECONDS: Final = 30.0
_IDENTITY: Final = ("-c", "user.name=kit", "-c", "user.email=kit@example.invalid")


def git(place: Path, *arguments: str, check: bool = True) -> str:
    """Run git in ``place``, with a ``PATH`` and variables that no test has tampered with; return what it prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"PATH": os.defpath, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    done = subprocess.run(
        ["git", *_IDENTITY, *arguments],
        cwd=place,
        env=environment,
        capture_output=True,
        check=False,
        text=True,
        timeout=_GIT_SECONDS,
    )
    if check and done.returncode:
        raise AssertionError(f"git {' '.join(arguments)} in {place}: {done.stderr.strip()}")
    return done.stdout.strip()


class Repository:
    """A repository of the kit's, with a commit on ``main``.

    :param template: one to copy, which is much quicker than to have git make another; None: this is the first.
    :ivar path: its main checkout.
    """

    def __init__(self, path: Path, template: Repository | None = None) -> None:
        self.path: Final = path
        if template is not None:
            shutil.copytree(template.path, path, symlinks=True, ignore=shutil.ignore_patterns("*.sample"))
            return
        path.mkdir(parents=True)
        git(path, "init", "--quiet", "--initial-branch=main")
        self.commit("start")

    def commit(self, name: str, at: Path | None = None) -> str:
        """Commit a new file called ``name`` and return the commit's id."""
        place = at or self.path
        (place / name).write_text(f"{name}\n")
        git(place, "add", "--", name)
        git(place, "commit", "--quiet", "--message", f"Add {name}")
        return git(place, "rev-parse", "HEAD")

    def branches(self) -> set[str]:
        """Return the names of its branches."""
        return set(git(self.path, "for-each-ref", "--format=%(refname:short)", "refs/heads").split())

    def keeps(self, commit: str) -> bool:
        """Return whether a branch, tag or other reference holds a commit."""
        return bool(git(self.path, "for-each-ref", "--contains", commit, check=False))

    def state(self) -> tuple[str, ...]:
        """Return what must be the same before and after: where its checkout stands, and what is in it."""
        head = git(self.path, "symbolic-ref", "HEAD"), git(self.path, "rev-parse", "HEAD")
        return *head, git(self.path, "status", "--porcelain", "--untracked-files=all")

    def hook(self, name: str, script: str) -> Path:
        """Install a hook and return its file."""
        file = self.path / ".git" / "hooks" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return file


@cache
def _template(directory: Path) -> Repository:
    """Return the repository that all others of one run of pytest are copies of."""
    return Repository(directory / "kit-template")


class WorkspaceKit:
    """A host that has the plugin, and a repository.

    :ivar workspace: the plugin, called as the program calls it.
    """

    def __init__(self, plugin: object, settings: Mapping[str, Any], root: Path, template: Repository) -> None:
        self.plugin: Final = plugin
        self.settings: Final = settings
        self.root: Final = root
        self.workspace: Final = self.anew()
        self._template: Final = template
        self.repository: Final = self.another_repository(root / "shop")

    def anew(self, seconds: float = DEADLINE) -> Workspace:
        """Return the plugin as a later command has it: in a host of its own, remembering nothing."""
        host = Host({NAME: self.settings}, seconds)
        host.register(self.plugin, NAME)
        return Workspace(host, NAME)

    def another_repository(self, path: Path) -> Repository:
        """Make a repository of the kit's at ``path``."""
        return Repository(path, self._template)

    def session(self, branch: str = "rouser/kit", **fields: Any) -> Session:
        """Return a session that has no workspace yet."""
        return new_session(self.repository.path, branch=branch, **fields)

    def create(
        self, session: Session, base: str | None = None, *, at: Path | None = None, through: Workspace | None = None
    ) -> Path:
        """Have the plugin create a session's workspace, and return its path."""
        plugin = through or self.workspace
        path = plugin.create(session, at or self.repository.path, session.branch, base)
        expect(path.is_dir(), f"workspace_create returned {path}, which is not there")
        return path

    def made(self, branch: str = "rouser/kit") -> tuple[Session, Path]:
        """Return a session and its new workspace."""
        session = self.session(branch)
        return session, self.create(session)

    def expect_usable(self, path: Path, branch: str, when: str) -> None:
        """Insist that git finds ``branch`` checked out at ``path``, and that the plugin calls that usable."""
        expect((path / ".git").exists(), f"{path} is no checkout of its own {when}")
        top = Path(git(path, "rev-parse", "--show-toplevel", check=False) or "/").resolve()
        expect(top == path.resolve(), f"git finds no checkout at {path} {when}")
        head = git(path, "symbolic-ref", "--short", "HEAD", check=False)
        expect(head == branch, f"the workspace has {head!r} checked out {when}, not the branch {branch!r}")
        expect(self.workspace.exists(path), f"a usable workspace is reported unusable {when}")

    def files(self, scratch: Path) -> set[Path]:
        """Return the directories below the plugin's own that hold somebody's checkout."""
        return {file.parent for file in scratch.rglob(".git")}


class WorkspaceTests(Conformance):
    """Base of the tests of workspaces."""

    @pytest.fixture
    def kit(
        self, plugin: object, settings: Mapping[str, Any], root: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> WorkspaceKit:
        """Provide a host with the plugin, and a repository."""
        return WorkspaceKit(plugin, settings, root, _template(tmp_path_factory.getbasetemp()))
