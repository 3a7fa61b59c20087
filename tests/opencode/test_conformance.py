"""The opencode plugin keeps to the contract of agents."""

from pathlib import Path

import pytest
from opencode.records import Database

from rouser.testing import AgentConformance
from rouser_opencode.plugin import OpencodeAgent


class TestOpencode(AgentConformance):
    programs = ()
    missing = {
        "agent_prompt_arguments": "the client sends no prompt that its arguments carry into a given conversation"
    }

    @pytest.fixture
    def plugin(self):
        return OpencodeAgent

    @pytest.fixture
    def settings(self, scratch):
        return {"database": str(scratch / "opencode.db"), "executable": "sh"}

    def have_conversation(self, session, prompts):
        with Database(Path(session.agent_config["database"])) as kept:
            kept.converse(session.conversation.id, session.workspace_path, *prompts)
