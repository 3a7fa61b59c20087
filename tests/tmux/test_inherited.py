"""What a tmux server's panes inherit reaches no agent, whether rouser knows what that is or not."""

import os
import subprocess

import pytest

from rouser_tmux import inherited, launch
from rouser_tmux.client import Server
from rouser_tmux.inherited import Inherited
from rouser_tmux.opening import Opened, Wanted, open_together

OF_EACH_START = {b"TMUX_PANE", b"ROUSER_TERMINAL"}
FOREIGN = {
    "CLAUDECODE": "1",
    "IFS": "x",
    "OLDPWD": "/",
    "LINES": "7",
    "_": "/bin/tmux",
    "EMPTY": "",
    "SHARED": "theirs",
}


@pytest.fixture
def server(world):
    return Server(("-S", str(world.socket)))


def start_server(world, **variables):
    """Start a server of the user's, from a shell with these variables."""
    command = ["tmux", "-f", os.devnull, "-S", world.socket, "new-session", "-d", "-s", "mine", "cat"]
    subprocess.run(command, env={**os.environ, **variables}, check=True, timeout=30)
    world.end_later(world.server_pid())


def wanted(world, make_session, name, token):
    return Wanted(token, make_session().id, name, world.directory, ["/bin/sh", "-c", "exec cat", token])


def environments(world, *names):
    """Start agents, one after another, and return the environment of each without what differs in every pane."""
    for name in names:
        record = world.record(name=name, env=world.env | {"SHARED": "ours"})[1]["env"]
        yield {key: value for key, value in record.items() if key not in OF_EACH_START and key != b"TMUX"}


@pytest.mark.parametrize("shell", ["sh", "dash", "bash"])
def test_later_agents_have_the_environment_of_the_first(world, server, monkeypatch, shell):
    if not launch.Path("/bin", shell).exists():
        pytest.skip(f"no /bin/{shell}")
    monkeypatch.setattr(launch, "_SHELL", f"/bin/{shell}")
    start_server(world, **FOREIGN)
    first, *later = environments(world, "a", "b", "c")
    assert later == [first, first]
    assert first[b"SHARED"] == b"ours"
    assert not {b"CLAUDECODE", b"IFS", b"OLDPWD", b"LINES", b"EMPTY"} & first.keys()
    assert inherited.known(server).names >= FOREIGN.keys()


def test_later_agents_need_no_program_to_be_rid_of_it(world, monkeypatch):
    world.create(name="first")
    monkeypatch.setattr(launch, "_tool", lambda name: f"/no/such/{name}")
    world.create(name="second")


@pytest.mark.parametrize("count", [1, 2])
def test_the_client_that_starts_the_server_teaches_it_too(world, server, make_session, count):
    world.runtime.runtime_creating(make_session())
    pair = [wanted(world, make_session, f"n{number}", f"{number:016x}") for number in range(count)]
    opened = [Opened.parse(line) for line, is_marked in open_together(server, pair) if is_marked]
    world.end_later(world.server_pid())
    assert [one.token for one in opened] == [one.token for one in pair]
    known = inherited.known(server)
    assert known.place == f"{world.socket},{world.server_pid()}"
    assert known.names >= {line.partition("=")[0] for line in world.tmux("show-environment", "-g")}


def test_what_fails_together_with_others_teaches_no_less(world, server, make_session):
    start_server(world, **FOREIGN)
    pair = [wanted(world, make_session, name, f"{number:016x}") for number, name in enumerate(["mine", "other"])]
    refused, _ = open_together(server, pair)
    assert isinstance(refused, Exception)
    assert inherited.known(server).names >= FOREIGN.keys()


def test_another_server_in_its_place_is_noticed(world, server, monkeypatch):
    start_server(world, **FOREIGN)
    (expected,) = environments(world, "a")
    known = inherited.known(server)
    monkeypatch.setitem(inherited._learned, server, Inherited(f"{world.socket},1", known.names - {"CLAUDECODE"}))
    assert list(environments(world, "b")) == [expected]


@pytest.mark.parametrize("value", ["two\nlines", "1\n"])
def test_what_cannot_be_told_apart_is_not_known(world, server, value):
    start_server(world, **FOREIGN, SEVERAL=value)
    first, second = environments(world, "a", "b")
    assert first == second
    assert inherited.known(server) is None


def test_what_no_shell_can_unset_takes_the_long_way(world, server):
    start_server(world, **FOREIGN, UID="7")
    first, second = environments(world, "a", "b")
    assert first == second
    assert b"UID" not in first
