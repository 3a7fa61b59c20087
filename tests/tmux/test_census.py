"""That nothing is left is only said when it is certain, whatever forks and ends meanwhile."""

import os
import signal
import subprocess
import time

import pytest
from support.programs import python

from rouser import RUNTIME_VARIABLE
from rouser_tmux import census
from rouser_tmux.census import left_nothing
from rouser_tmux.processes import Process, pids

# Each process of the chain starts the next one and ends.
HOPPER = """
import os, sys, time
give_up = time.monotonic() + 20
while not os.path.exists(sys.argv[1]) and time.monotonic() < give_up:
    if os.fork():
        os._exit(0)
open(sys.argv[1] + ".lived", "w").close()
"""


@pytest.fixture
def token():
    return os.urandom(8).hex()


@pytest.fixture(autouse=True)
def _no_census(monkeypatch):
    monkeypatch.setattr(census, "_census", census._census._replace(taken=-1.0))


@pytest.fixture
def session(tmp_path, eventually):
    """Start a session whose leader has ended and whose member waits to be told; then it starts a child and ends."""
    os.mkfifo(tmp_path / "go")
    script = "(echo $$ >up; read -r word <go; sleep 300 & echo $! >child) & echo $! >member"
    leader = subprocess.Popen(["sh", "-c", script], cwd=tmp_path, env={}, start_new_session=True)
    identity = Process.identify(leader.pid)
    leader.wait(30)
    eventually((tmp_path / "up").exists)
    started = [Process.identify(int((tmp_path / "member").read_text()))]

    def go_on():
        (tmp_path / "go").write_text("go\n")
        child = tmp_path / "child"
        started.append(Process.identify(int(eventually(lambda: child.exists() and child.read_text().strip()))))
        eventually(lambda: not started[0].runs())
        return started[1]

    yield identity, started[0], go_on
    for process in started:
        process.send(signal.SIGKILL)


def test_a_member_that_was_born_after_the_list_counts(session, token, monkeypatch):
    leader, member, _ = session
    lists = iter([[pid for pid in pids() if pid != member.pid]])
    monkeypatch.setattr(census, "pids", lambda: next(lists, None) or pids())
    assert not left_nothing(leader, token)


def test_a_child_counts_whose_parent_ended_after_the_census(session, token, eventually):
    leader, _, go_on = session
    assert not left_nothing(leader, token)
    child = go_on()
    assert not left_nothing(leader, token)
    child.send(signal.SIGKILL)
    eventually(lambda: not child.runs())
    eventually(lambda: left_nothing(leader, token))


def test_where_somebody_new_comes_all_the_time_nothing_is_certain(session, token, monkeypatch):
    leader, member, _ = session
    member.send(signal.SIGKILL)
    born = iter(range(5_000_000, 6_000_000))
    monkeypatch.setattr(census, "pids", lambda: [*pids(), next(born)])
    assert not left_nothing(leader, token)


def test_members_that_ended_before_it_take_no_second_census(token, monkeypatch):
    taken = []
    count = census._count
    monkeypatch.setattr(census, "_count", lambda: taken.append(1) or count())
    leaders = [subprocess.Popen(["true"], start_new_session=True) for _ in range(3)]
    try:
        identities = [Process.identify(leader.pid) for leader in leaders]
        for leader in leaders:
            os.waitid(os.P_PID, leader.pid, os.WEXITED | os.WNOWAIT)
        assert not any(identity.runs() for identity in identities)
        while not left_nothing(identities[0], token):  # on a machine that is too busy for one
            census._census = census._census._replace(taken=-1.0)
        taken.clear()
        assert all(left_nothing(identity, token) for identity in identities)
        assert not taken
    finally:
        for leader in leaders:
            leader.wait(30)


def test_a_chain_of_processes_that_fork_and_end_is_never_overlooked(token, tmp_path):
    stop = tmp_path / "stop"
    command = python(HOPPER, str(stop))
    chain = subprocess.Popen(command, env={RUNTIME_VARIABLE: token}, start_new_session=True)
    leader = Process.identify(chain.pid)
    chain.wait(30)
    try:
        for _ in range(40):
            census._census = census._census._replace(taken=-1.0)
            assert not left_nothing(leader, token)
    finally:
        stop.touch()
    give_up = time.monotonic() + 30
    while not (tmp_path / "stop.lived").exists():
        assert time.monotonic() < give_up, "the chain has broken"
        time.sleep(0.01)
