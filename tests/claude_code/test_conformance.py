"""The Claude Code plugin keeps to the contract of agents."""

import json

import pytest

from rouser.testing import AgentConformance
from rouser_claude_code.plugin import ClaudeCodeAgent


class TestClaudeCode(AgentConformance):
    programs = ()

    @pytest.fixture
    def plugin(self):
        return ClaudeCodeAgent

    @pytest.fixture
    def settings(self, scratch):
        return {"config_dir": str(scratch / "claude"), "executable": "sh"}

    @pytest.fixture(autouse=True)
    def _settings_decide(self, isolated, monkeypatch):
        """Take away what the other tests of this directory set."""
        monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)

    def have_conversation(self, session, prompts):
        directory = session.agent_config["config_dir"]
        from pathlib import Path

        path = Path(directory) / "projects" / "-home-dev-shop" / f"{session.conversation.id}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            for prompt in prompts:
                said = {"type": "user", "message": {"role": "user", "content": prompt}, "origin": {"kind": "human"}}
                answer = {
                    "type": "assistant",
                    "message": {"role": "assistant", "content": [], "stop_reason": "end_turn"},
                }
                for record in (said, answer):
                    times = {"timestamp": "2026-11-22T19:26:28.999Z", "sessionId": session.conversation.id}
                    file.write(json.dumps(record | times, separators=(",", ":")) + "\n")
