"""Alive, dead, or an error that says why it is not known."""

import os
import signal
import threading
import time

import pytest
from support.descriptors import no_descriptors

from rouser import HookError
from rouser.deadline import call_within
from rouser_process.destruction import destroy
from rouser_process.handle import Handle
from rouser_process.places import _is_in_use, read_record


def test_an_agent_that_runs_is_alive(world):
    assert world.runtime.runtime_is_alive(world.create()) is True


@pytest.mark.parametrize("command", [["true"], ["sh", "-c", "exit 3"], ["sh", "-c", "kill -SEGV $$"]])
def test_an_agent_that_ended_is_dead_and_so_is_its_supervisor(world, command, eventually, runs):
    handle = world.create(command)
    eventually(lambda: world.runtime.runtime_is_alive(handle) is False)
    eventually(lambda: not runs(Handle.parse(handle).supervisor.pid))


def test_an_agent_that_was_killed_is_dead(world, eventually):
    handle = world.create()
    world.signal(Handle.parse(handle).agent.pid, signal.SIGKILL)
    eventually(lambda: world.runtime.runtime_is_alive(handle) is False)


def test_an_agent_whose_children_live_on_is_dead(world, eventually, runs):
    handle = world.create(["sh", "-c", "trap '' HUP; sleep 100 & echo CHILD $!"])
    world.wait_for(handle, "CHILD")
    child = int(world.printed(handle).split()[1])
    world.end_later(child)
    eventually(lambda: world.runtime.runtime_is_alive(handle) is False)
    assert runs(child)
    world.runtime.runtime_destroy(handle)
    assert not runs(child)


def test_an_agent_that_ends_with_its_killed_supervisor_is_dead(world, eventually):
    handle = world.create()
    world.signal(Handle.parse(handle).supervisor.pid, signal.SIGKILL)
    assert world.runtime.runtime_is_alive(handle) is False


def test_an_agent_that_outlives_its_killed_supervisor_is_not_taken_for_dead(world, refused, eventually, runs):
    handle = world.stubborn()
    parsed = Handle.parse(handle)
    world.signal(parsed.supervisor.pid, signal.SIGKILL)
    eventually(lambda: not runs(parsed.supervisor.pid))
    assert f"rouser kill {parsed.session_id[:8]}" in refused(world.runtime.runtime_is_alive, handle)
    with pytest.raises(HookError):
        world.runtime.runtime_list_alive([handle])


def test_a_supervisor_that_is_stopped_makes_it_unknown_in_time(world, refused, monkeypatch):
    monkeypatch.setattr("rouser_process.liveness._ANSWER_SECONDS", 0.3)
    handle = world.create()
    supervisor = Handle.parse(handle).supervisor.pid
    world.signal(supervisor, signal.SIGSTOP)
    before = time.monotonic()
    assert "did not answer within 0.3 s" in refused(world.runtime.runtime_is_alive, handle)
    assert time.monotonic() - before < 20
    world.signal(supervisor, signal.SIGCONT)
    assert world.runtime.runtime_is_alive(handle) is True


def test_a_socket_that_was_removed_makes_it_unknown(world, refused):
    handle = world.create()
    (Handle.parse(handle).place / "socket").unlink()
    assert "nobody listens" in refused(world.runtime.runtime_is_alive, handle)


def test_a_supervisor_of_another_runtime_does_not_answer_for_this_one(world, refused):
    mine, other = Handle.parse(world.create(name="mine")), Handle.parse(world.create(name="other"))
    (mine.place / "socket").unlink()
    (mine.place / "socket").symlink_to(other.place / "socket")
    assert "another runtime" in refused(world.runtime.runtime_is_alive, str(mine))


def of_another_boot(handle):
    boot = Handle.parse(handle).agent.start.rpartition(".")[2]
    return handle.replace(boot, "00000000")


def test_after_a_reboot_every_handle_is_dead_for_certain(world, runs):
    handle = world.create()
    before = of_another_boot(handle)
    assert world.runtime.runtime_is_alive(before) is False
    assert world.runtime.runtime_list_alive([before]) == {before: False}


def test_a_process_that_only_got_the_number_of_the_agent_is_not_the_agent(world):
    handle = Handle.parse(world.create())
    other = f"{handle}".replace(f"{handle.agent.pid}@", f"{os.getpid()}@")
    assert world.runtime.runtime_is_alive(other) is False


def test_many_are_asked_at_once_and_the_unknown_are_left_out(world, monkeypatch, eventually):
    monkeypatch.setattr("rouser_process.liveness._ANSWER_SECONDS", 0.5)
    alive, stopped, dead = (world.create(name=name) for name in ("alive", "stopped", "dead"))
    world.signal(Handle.parse(stopped).supervisor.pid, signal.SIGSTOP)
    world.signal(Handle.parse(dead).agent.pid, signal.SIGKILL)
    eventually(lambda: not world.runtime.runtime_is_alive(dead))
    assert world.runtime.runtime_list_alive([alive, stopped, dead, "nonsense"]) == {alive: True, dead: False}
    with pytest.raises(HookError):
        world.runtime.runtime_list_alive([stopped])
    assert world.runtime.runtime_list_alive([]) == {}


def test_what_runs_is_discovered_under_its_handle_name_and_session(world, eventually, make_session):
    session = make_session()
    handle = world.create(session=session, name="found")
    ended = world.create(["true"], "ended")
    eventually(lambda: not world.runtime.runtime_is_alive(ended))
    (found,) = world.runtime.runtime_discover()
    assert (found.handle, found.session_id, found.name) == (handle, session.id, "found")


def test_nothing_is_discovered_where_nothing_ever_was(world):
    assert world.runtime.runtime_discover() == []


def test_a_client_of_another_user_is_not_served(monkeypatch):
    import socket

    from rouser_process.connection import is_of_our_user

    one, other = socket.socketpair()
    with one, other:
        assert is_of_our_user(one)
        monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
        assert not is_of_our_user(one)


@pytest.mark.parametrize("nonsense", [b"\n", b"[]\n", b"{}\n", b"\xff\n", b"x" * 10_000, b'{"token": 1}\n'])
def test_nonsense_on_the_socket_does_not_harm_the_supervisor(world, nonsense):
    from rouser_process.client import connected

    handle = world.create()
    with connected(Handle.parse(handle), 5) as channel:
        channel.sendall(nonsense)
        channel.recv(100)
    assert world.runtime.runtime_is_alive(handle) is True


@pytest.mark.parametrize("gets_there", [True, False])
def test_a_runtime_that_is_being_started_is_waited_for(world, gets_there):
    """As after a command that was killed in the middle: what it had launched goes on."""
    handle = world.create(["cat"])
    record = Handle.parse(handle).place / "runtime.json"
    away = record.rename(record.with_name("away"))
    later = threading.Timer(0.2, away.rename, (record,))
    if not gets_there:
        with pytest.raises(HookError, match=r"is being started in .*, and it is unknown whether it runs; try again"):
            call_within(1, world.runtime.runtime_discover)
    later.start()
    assert [found.handle for found in world.runtime.runtime_discover()] == [handle]
    later.join()


def test_without_descriptors_it_is_not_known(world, refused):
    handle = world.create()
    for question in (world.runtime.runtime_is_alive, lambda each: world.runtime.runtime_list_alive([each])):
        with no_descriptors():
            assert "Too many open files; try again" in refused(question, handle)
    assert world.runtime.runtime_is_alive(handle) is True


def test_without_descriptors_none_is_destroyed_by_halves(world, refused):
    handle = world.create()
    with no_descriptors():
        assert "Too many open files" in refused(destroy, Handle.parse(handle))
    assert world.runtime.runtime_is_alive(handle) is True


def test_without_descriptors_no_runtime_is_taken_for_one_that_never_came_to_be(world, refused):
    place = Handle.parse(world.create()).place
    for question in (read_record, _is_in_use):
        with no_descriptors():
            assert "Too many open files" in refused(question, place)
