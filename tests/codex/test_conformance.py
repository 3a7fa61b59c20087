"""The Codex plugin keeps to the contract of agents."""

from pathlib import Path

import pytest
from codex.records import put_rollout, put_snapshot

from rouser.testing import AgentConformance
from rouser_codex.plugin import CodexAgent


class TestCodex(AgentConformance):
    programs = ()

    @pytest.fixture
    def plugin(self):
        return CodexAgent

    @pytest.fixture
    def settings(self, scratch):
        return {"config_dir": str(scratch / "codex"), "executable": "sh"}

    def have_conversation(self, session, prompts):
        home = Path(session.agent_config["config_dir"])
        put_snapshot(home, put_rollout(home, session.workspace_path, *prompts), session.id)
