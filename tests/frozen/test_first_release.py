"""A plugin that was written against the first release still loads, and still serves whole lives of sessions."""

import hashlib
import inspect
from pathlib import Path

import pytest
from frozen.rouser_first import First
from support.stage import make_session

from rouser import SessionStatus
from rouser.config import Config
from rouser.hookspecs import KINDS, hooks_of
from rouser.host import Host
from rouser.restore import restore_session
from rouser.runtime_provider import Runtime
from rouser.store import Store
from rouser.workspace_provider import Workspace

DIGEST = "c6d282adbe09f1a6590988070ed1d28124bf2615d97fc4c1e49eab05272aba4f"


@pytest.fixture
def host():
    host = Host({"first": {"base": "/somewhere"}})
    host.register(First, "first")
    return host


def test_it_was_never_edited():
    text = Path(inspect.getfile(First)).read_text()
    assert hashlib.sha256(text.encode()).hexdigest() == DIGEST, (
        "the frozen plugin stands for plugins that are out there"
    )


def test_it_serves_every_kind(host):
    (info,) = host.plugins
    assert info.kinds == ("runtime", "agent", "workspace", "events")


def test_every_hook_of_the_first_release_is_still_called(host):
    specified = {hook for spec in KINDS.values() for hook in hooks_of(spec)}
    implemented = {name for name, value in vars(First).items() if hasattr(value, "rouser_impl")}
    assert implemented <= specified
    assert all(host.implements("first", hook) for hook in implemented)


def test_it_restores_a_session(host, tmp_path):
    repository = tmp_path / "shop"
    repository.mkdir()
    session = make_session(repository, agent="first", runtime="first", workspace="first", runtime_name="mine")
    store = Store(tmp_path / "home")
    config = Config(agent="first", runtime="first", workspace="first", prompt_timeout=1.0)
    path = Workspace(host, "first").create(session, repository, session.branch, None)
    session = store.add(session._replace(workspace_path=path), "added")

    outcome = restore_session(host, store, session.id, config)

    assert outcome.resumed
    assert outcome.launch_command[-3:] == ("agent", "resume", session.id)
    assert Runtime(host, "first").is_alive(outcome.runtime_handle)
    assert store.get(session.id).status is not SessionStatus.TERMINATED
    assert host.problems == []
    store.close()
