"""What cannot be looked at has not ended: out of descriptors, nothing is known of any process."""

import os
import signal

import pytest
from support.descriptors import no_descriptors

from rouser import HookError
from rouser_tmux import processes
from rouser_tmux.census import left_nothing
from rouser_tmux.handle import Handle
from rouser_tmux.liveness import _judge
from rouser_tmux.processes import Family, Process


@pytest.fixture
def agent(world):
    return Handle.parse(world.create())


@pytest.mark.parametrize("in_pane", [True, False])
def test_an_agent_is_not_taken_for_dead(agent, in_pane):
    with no_descriptors(), pytest.raises(HookError, match="Too many open files; try again"):
        _judge(agent, in_pane=in_pane, patience=0)
    assert _judge(agent, in_pane=True, patience=0) is True


def test_nothing_is_said_to_be_left_of_it(agent):
    with no_descriptors(), pytest.raises(HookError, match="Too many open files"):
        left_nothing(agent.agent, agent.token)


def test_nor_of_one_whose_processes_would_have_to_be_counted(agent, eventually):
    agent.agent.send(signal.SIGKILL)
    eventually(lambda: not agent.agent.runs())
    running = Process.runs
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Process, "runs", lambda process: process != agent.agent and running(process))
        with no_descriptors(), pytest.raises(HookError, match="Too many open files"):
            left_nothing(agent.agent, agent.token)


def test_a_family_is_not_taken_for_gone(agent):
    family = Family({agent.agent}, agent.mark, agent.token)
    with no_descriptors(), pytest.raises(HookError, match="Too many open files"):
        family.living()
    assert agent.agent in family.living()


def test_a_command_line_and_a_variable_are_not_taken_for_empty(agent):
    for question in (lambda: processes.command_line(os.getpid()), lambda: processes.variable(os.getpid(), "PATH")):
        with no_descriptors(), pytest.raises(HookError, match="Too many open files"):
            question()


def test_nor_is_a_boot_taken_for_another(agent):
    processes.boot.cache_clear()
    with no_descriptors(), pytest.raises(HookError, match="Too many open files"):
        processes.boot()
    assert agent.agent.runs()


def test_whether_processes_can_be_seen_at_all_is_not_decided_then(monkeypatch):
    processes.are_visible.cache_clear()
    with no_descriptors(), pytest.raises(HookError, match="Too many open files"):
        processes.are_visible()
    assert processes.are_visible()


def test_without_a_proc_processes_are_not_visible_and_none_is_found(monkeypatch, agent):
    for name in ("open", "listdir"):
        monkeypatch.setattr(f"rouser_tmux.processes.os.{name}", _no_such_file)
    processes.are_visible.cache_clear()
    try:
        assert not processes.are_visible()
        assert processes.pids() == []
        assert not agent.agent.runs()
        assert not left_nothing(agent.agent, agent.token)
    finally:
        monkeypatch.undo()
        processes.are_visible.cache_clear()


def _no_such_file(*arguments, **named):
    raise FileNotFoundError(2, "No such file or directory")
