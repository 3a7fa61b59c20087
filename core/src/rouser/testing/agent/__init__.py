"""The conformance tests of agents."""

from __future__ import annotations

from typing import ClassVar

from rouser.testing.agent.commands import CommandTests
from rouser.testing.agent.conversations import ConversationTests
from rouser.testing.agent.manners import MannerTests
from rouser.testing.agent.prompts import PromptTests


class AgentConformance(CommandTests, PromptTests, ConversationTests, MannerTests):
    """The tests that an agent has to pass; subclass it and add a fixture ``plugin``.

    Override ``have_conversation`` for an agent that keeps conversations, or name ``conversations`` in
    ``missing``; the fixture ``agent_config`` for one that cannot be run without settings. Besides optional hooks,
    ``missing`` may also name ``arguments`` (what stands behind ``--`` reaches the agent's command line).
    """

    kind: ClassVar[str] = "agent"
