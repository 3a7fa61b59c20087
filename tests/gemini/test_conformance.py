"""The Gemini CLI plugin keeps to the contract of agents."""

from pathlib import Path

import pytest
from gemini.records import put_chat

from rouser.testing import AgentConformance
from rouser_gemini.plugin import GeminiAgent


class TestGemini(AgentConformance):
    programs = ()

    @pytest.fixture
    def plugin(self):
        return GeminiAgent

    @pytest.fixture
    def settings(self, scratch):
        return {"home": str(scratch), "executable": "sh"}

    def have_conversation(self, session, prompts):
        home = Path(session.agent_config["home"]) / ".gemini"
        put_chat(home, session.workspace_path, session.conversation.id, *prompts)
