"""Real repositories in temporary directories, with a git that reads no configuration but theirs."""

from functools import partial

import pytest
from support.repositories import among_gits, isolate_git, new_repo
from support.sessions import spawned_session
from support.waiting import eventually

from rouser_worktree.plugin import WorktreeWorkspace


@pytest.fixture(autouse=True)
def _among_gits(request, tmp_path_factory):
    with among_gits(tmp_path_factory, alone=getattr(request.module, "ALONE", False)):
        yield


@pytest.fixture(autouse=True)
def isolated_git(monkeypatch, tmp_path_factory):
    isolate_git(monkeypatch, tmp_path_factory.getbasetemp())


@pytest.fixture
def make_repo():
    return new_repo


@pytest.fixture
def repo(make_repo, tmp_path):
    made = make_repo(tmp_path / "shop")
    made.commit("a.txt")
    return made


@pytest.fixture
def base(tmp_path):
    return tmp_path / "base"


@pytest.fixture
def plugin(base):
    made = WorktreeWorkspace()
    made.plugin_configure({"base": str(base)})
    return made


@pytest.fixture
def new_session(repo):
    return partial(spawned_session, repository=repo.path, branch="rouser/fix")


@pytest.fixture
def session(new_session):
    return new_session()


@pytest.fixture
def spawn(plugin):
    """Create a session's worktree as the host does."""

    def create(session, base=None):
        return plugin.workspace_create(session, session.repository, session.branch, base)

    return create


@pytest.fixture
def until():
    return eventually


@pytest.fixture
def made(spawn, session):
    """Return a session with its worktree, and the path."""
    path = spawn(session)
    return session._replace(workspace_path=path), path


@pytest.fixture
def take(plugin, made):
    return lambda reason="by hand": plugin.workspace_snapshot(made[0], made[1], reason)


@pytest.fixture
def with_submodule(make_repo, repo, spawn, session, tmp_path):
    library = make_repo(tmp_path / "library")
    library.commit("lib.txt")
    allowed = ("-c", "protocol.file.allow=always", "submodule")
    repo.git(*allowed, "--quiet", "add", str(library.path), "lib dir")
    repo.git("commit", "-qm", "Add lib")
    path = spawn(session)
    repo.git(*allowed, "--quiet", "update", "--init", at=path)
    return path
