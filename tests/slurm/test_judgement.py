"""What is alive, dead and unknown: every state of a job, with and without signs of life."""

import os
import time
import uuid

import pytest

from rouser import HookError
from rouser_slurm import lease
from rouser_slurm.client import SlurmError
from rouser_slurm.handle import Handle
from rouser_slurm.judgement import Judge
from rouser_slurm.lease import Lease
from rouser_slurm.places import generation_of
from rouser_slurm.queue import Job

LIMIT = 4
FRESH, OLD, NONE = 0, 60, None
ALIVE, DEAD, UNKNOWN = "alive", "dead", "unknown"


class FakeQueue:
    """Stands for a controller; None: it does not answer."""

    def __init__(self, state):
        self.state = state

    def jobs(self):
        if self.state is None:
            raise SlurmError("squeue did not answer")
        return {17: Job(17, self.state, "rouser-a")} if self.state else {}


@pytest.fixture
def handle(tmp_path, monkeypatch):
    monkeypatch.setattr("rouser_slurm.judgement._PATIENCE", 0.0)
    made = Handle("c", 17, 1, str(uuid.uuid4()), "a", tmp_path)
    generation = generation_of(made)
    generation.path.parent.mkdir()
    generation.make(made.session_id)
    (generation.path / "state").write_text("started 17 c n1 %0 /tmp/x/tmux\n")
    lease.write(generation.lease, Lease(1, made.session_id, held=True))
    return made


def beat(handle, age):
    path = generation_of(handle).path / "beat"
    path.write_text("1\n")
    os.utime(path, (time.time() - age, time.time() - age))


def verdict(handle, state):
    answer = Judge(FakeQueue(state), LIMIT).answers([handle])[handle]
    return UNKNOWN if isinstance(answer, HookError) else ALIVE if answer else DEAD


@pytest.mark.parametrize(
    ("state", "age", "expected"),
    [
        ("RUNNING", FRESH, ALIVE),
        ("RUNNING", OLD, UNKNOWN),
        ("PENDING", FRESH, ALIVE),  # the list is a second old
        ("PENDING", OLD, UNKNOWN),
        ("SUSPENDED", OLD, ALIVE),
        ("NODE_FAIL", FRESH, UNKNOWN),
        ("NODE_FAIL", OLD, DEAD),
        ("CANCELLED", FRESH, UNKNOWN),
        ("CANCELLED", OLD, DEAD),
        ("TIMEOUT", OLD, DEAD),
        ("COMPLETING", OLD, UNKNOWN),
        ("A_NEW_STATE", OLD, UNKNOWN),
        ("", FRESH, ALIVE),  # the controller has lost it
        ("", OLD, DEAD),
        (None, FRESH, ALIVE),
        (None, OLD, UNKNOWN),
    ],
)
def test_states_and_signs_of_life(handle, state, age, expected):
    beat(handle, age)
    assert verdict(handle, state) == expected


@pytest.mark.parametrize("state", ["RUNNING", "NODE_FAIL", "", None])
def test_what_has_reported_its_end_is_dead_whatever_slurm_says(handle, state):
    beat(handle, FRESH)
    with (generation_of(handle).path / "state").open("a") as file:
        file.write("ended fenced\n")
    assert verdict(handle, state) == DEAD


@pytest.mark.parametrize(("state", "held"), [("NODE_FAIL", False), ("CANCELLED", False), ("RUNNING", True), ("", True)])
def test_only_what_slurm_has_ended_loses_its_lease(handle, state, held):
    beat(handle, FRESH)
    verdict(handle, state)
    assert lease.read(generation_of(handle).lease).held is held


def test_files_that_are_away_prove_nothing(handle):
    beat(handle, OLD)
    handle.directory.rename(handle.directory.with_name("away"))
    assert verdict(handle, "") == UNKNOWN
    assert verdict(handle, "NODE_FAIL") == UNKNOWN
    handle.directory.with_name("away").rename(handle.directory)


def test_files_that_were_removed_after_the_end_prove_it(handle):
    lease.write(generation_of(handle).lease, Lease(1, handle.session_id, held=False))
    generation_of(handle).remove()
    assert verdict(handle, "RUNNING") == DEAD
