"""The plugin for any command line keeps to the contract of agents."""

import pytest

from rouser.testing import AgentConformance
from rouser_command.plugin import CommandAgent

_NO_CONVERSATION = "an unknown command keeps no conversation that could be looked at"


class TestCommand(AgentConformance):
    programs = ()
    missing = {
        "agent_discover": _NO_CONVERSATION,
        "agent_prompt_state": _NO_CONVERSATION,
        "conversations": _NO_CONVERSATION,
    }

    @pytest.fixture
    def plugin(self):
        return CommandAgent

    @pytest.fixture
    def agent_config(self):
        return {"command": ["sh", "-c", "cat"], "ready_pattern": "^> $"}


class TestCommandThatTakesThePrompt(TestCommand):
    @pytest.fixture
    def agent_config(self):
        return {"command": ["sh", "--", "{prompt}"]}
