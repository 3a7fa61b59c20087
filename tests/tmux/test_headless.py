"""A process whose first thread has ended, and others not, runs, though it is shown as a zombie."""

import pytest
from support.programs import HEADLESS, python

from rouser_tmux.census import left_nothing
from rouser_tmux.handle import Handle
from rouser_tmux.processes import Family


@pytest.fixture
def agent(world, eventually):
    handle = world.create(python(HEADLESS))
    eventually(lambda: "HEADLESS" in world.screen(handle))
    return Handle.parse(handle)


def test_it_is_alive(world, agent):
    assert agent.agent.runs()
    assert agent.agent.answers()
    assert agent.agent.holds_terminal(agent.server)
    assert world.runtime.runtime_is_alive(str(agent)) is True


def test_it_is_not_known_dead_once_its_server_was_killed(world, agent):
    world.tmux("kill-server")
    assert not world.is_known_dead(str(agent))
    assert not left_nothing(agent.agent, agent.token)


def test_it_is_ended_with_its_runtime(world, agent):
    assert Family({agent.agent}, agent.mark, agent.token).living() == [agent.agent]
    world.runtime.runtime_destroy(str(agent))
    assert not agent.agent.runs()
