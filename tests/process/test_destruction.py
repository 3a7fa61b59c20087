"""Destroying ends everything that belongs to a runtime, soon, and nothing else."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from rouser_process.family import Family
from rouser_process.handle import Handle

SECONDS = 20.0  # less than what never ends; how long it takes is measured by the torture


@pytest.fixture
def destroy(world):
    """Destroy, and check that it took no longer than it may."""

    def call(handle):
        before = time.monotonic()
        world.runtime.runtime_destroy(handle)
        assert time.monotonic() - before < SECONDS

    return call


def test_agent_supervisor_and_directory_are_gone(world, destroy, runs):
    handle = world.create()
    destroy(handle)
    parsed = Handle.parse(handle)
    assert not runs(parsed.agent.pid)
    assert not runs(parsed.supervisor.pid)
    assert not parsed.place.exists()
    assert world.runtime.runtime_is_alive(handle) is False


def test_destroying_twice_or_what_ended_is_no_error(world, destroy, eventually):
    handle = world.create(["true"])
    eventually(lambda: not world.runtime.runtime_is_alive(handle))
    destroy(handle)
    destroy(handle)


def test_destroying_what_never_was_is_no_error(world, destroy):
    handle = Handle.parse(world.create(name="other"))
    never = f"process:v1:{'0' * 16}:{handle.session_id}:never:999999@1.x:999999@1.x:{world.base}".replace("x", "0")
    destroy(never)
    assert world.runtime.runtime_is_alive(str(handle))


def test_a_name_can_be_used_again_at_once(world, destroy):
    handle = world.create()
    for _ in range(3):
        destroy(handle)
        handle = world.create()
    assert world.runtime.runtime_is_alive(handle)


def test_an_agent_that_ignores_what_it_can_is_ended(world, destroy, runs):
    handle = world.stubborn()
    destroy(handle)
    assert not runs(Handle.parse(handle).agent.pid)


@pytest.mark.parametrize("who", ["agent", "supervisor"])
def test_a_stopped_process_is_ended(world, destroy, runs, who):
    handle = world.create()
    world.signal(getattr(Handle.parse(handle), who).pid, signal.SIGSTOP)
    destroy(handle)
    assert not runs(Handle.parse(handle).agent.pid)
    assert not runs(Handle.parse(handle).supervisor.pid)


def test_background_processes_and_those_of_other_groups_are_ended(world, destroy, runs):
    handle = world.create(
        [
            "bash",
            "-c",
            "trap '' HUP TERM; set -m; sleep 100 & echo A $!; (trap '' HUP TERM; sleep 100) & echo B $!; wait",
        ]
    )
    world.wait_for(handle, "B ")
    pids = [int(line.split()[1]) for line in world.printed(handle).splitlines() if line[:2] in {"A ", "B "}]
    for pid in pids:
        world.end_later(pid)
    destroy(handle)
    assert not any(runs(pid) for pid in pids)


def test_what_survived_the_supervisor_is_ended(world, destroy, runs, eventually):
    handle = world.stubborn()
    parsed = Handle.parse(handle)
    world.signal(parsed.supervisor.pid, signal.SIGKILL)
    eventually(lambda: not runs(parsed.supervisor.pid))
    destroy(handle)
    assert not runs(parsed.agent.pid)


def test_children_of_an_agent_that_is_gone_are_ended_by_their_mark_and_strangers_are_not(
    world, destroy, runs, eventually
):
    handle = world.create(["sh", "-c", "trap '' HUP; sleep 100 & echo CHILD $!"])
    world.wait_for(handle, "CHILD")
    child = int(world.printed(handle).split()[1])
    world.end_later(child)
    eventually(lambda: not world.runtime.runtime_is_alive(handle))
    stranger = handle.replace(Handle.parse(handle).token, "0" * 16)
    destroy(stranger)
    assert runs(child)
    destroy(handle)
    assert not runs(child)


@pytest.mark.parametrize("change", ["number", "start"])
def test_a_process_that_only_got_a_number_is_never_signalled(world, destroy, change):
    bystander = subprocess.Popen(["sleep", "100"], start_new_session=True)
    try:
        handle = Handle.parse(world.create(["true"]))
        start = Path(f"/proc/{bystander.pid}/stat").read_text().rpartition(")")[2].split()[19]
        boot = handle.agent.start.rpartition(".")[2]
        theirs = (
            f"{bystander.pid}@{int(start) - 1}.{boot}" if change == "number" else f"{bystander.pid}@{start}.00000000"
        )
        mine = f"{handle.agent.pid}@{handle.agent.start}"
        destroy(str(handle).replace(mine, theirs))
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_runtime_whose_name_begins_alike_is_not_touched(world, destroy):
    longer = world.create(name="proj-10")
    destroy(world.create(name="proj-1"))
    assert world.runtime.runtime_is_alive(longer)


def test_one_that_was_born_between_two_looks_is_ended(world, destroy, runs, monkeypatch):
    living, looks = Family.living, []

    def misses(family):
        looks.append(family)
        return [] if len(looks) == 2 else living(family)

    monkeypatch.setattr(Family, "living", misses)
    handle = world.create(["/bin/sh", "-c", "trap '' HUP TERM; while :; do sleep 1; done"])
    destroy(handle)
    assert len(looks) > 2
    assert not runs(Handle.parse(handle).agent.pid)


def test_what_cannot_be_removed_is_an_error(world, refused, monkeypatch):
    handle = world.create()

    def denied(path):
        raise PermissionError(13, os.strerror(13), str(path))

    monkeypatch.setattr("shutil.rmtree", denied)
    assert "remove it by hand" in refused(world.runtime.runtime_destroy, handle)
    monkeypatch.undo()
