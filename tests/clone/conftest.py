"""Real repositories in temporary directories, with a git that reads no configuration but theirs."""

from functools import partial

import pytest
from support.errors import refusal
from support.repositories import Repo, among_gits, isolate_git, new_repo
from support.sessions import spawned_session
from support.waiting import eventually

from rouser_clone.plugin import CloneWorkspace


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
    return partial(spawned_session, runtime="process", workspace="clone", repository=repo.path, branch="rouser/fix")


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
    return refusal


@pytest.fixture
def until():
    return eventually
