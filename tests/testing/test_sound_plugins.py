"""What the broken plugins are made from keeps to the contract, so that each fails for its own defect alone."""

import json

import pytest
from testing.sound import SoundAgent, SoundRuntime, SoundWorkspace

from rouser.testing import AgentConformance, RuntimeConformance, WorkspaceConformance


class TestRuntime(RuntimeConformance):
    missing = SoundRuntime.missing
    programs = SoundRuntime.programs

    @pytest.fixture
    def plugin(self):
        return SoundRuntime


class TestWorkspace(WorkspaceConformance):
    missing = SoundWorkspace.missing
    programs = SoundWorkspace.programs

    @pytest.fixture
    def plugin(self):
        return SoundWorkspace


class TestAgent(AgentConformance):
    missing = SoundAgent.missing
    programs = SoundAgent.programs

    @pytest.fixture
    def plugin(self):
        return SoundAgent

    def have_conversation(self, session, prompts):
        file = SoundAgent().log(session)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{json.dumps(prompt)}\n" for prompt in prompts))
