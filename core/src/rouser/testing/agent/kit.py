"""What a test of an agent has to itself: a host with the plugin, sessions, and a look at what hooks change."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest

from rouser.agent_provider import Agent
from rouser.host import Host
from rouser.models import DiscoveredConversation, PromptState, Session
from rouser.testing.base import NAME, Conformance
from rouser.testing.sessions import new_session
from rouser.testing.verdict import fail

SECONDS: Final = 5.0
ACCEPTED: Final = frozenset({PromptState.ACCEPTED, PromptState.DURABLE})
"""The states of a prompt that the agent has."""


class AgentKit:
    """A host that has the plugin, and a directory for workspaces.

    :ivar agent: the plugin, called as the program calls it.
    """

    def __init__(self, plugin: object, settings: Mapping[str, Any], config: Mapping[str, Any], root: Path) -> None:
        self.plugin: Final = plugin
        self.settings: Final = settings
        self.config: Final = config
        self.root: Final = root
        self.agent: Final = self.anew()
        self.workspace: Final = root / "shop"
        self.workspace.mkdir()

    def anew(self) -> Agent:
        """Return the plugin as a later command has it: in a host of its own, remembering nothing."""
        host = Host({NAME: self.settings}, SECONDS)
        host.register(self.plugin, NAME)
        return Agent(host, NAME)

    def session(self, *, arguments: Sequence[str] = (), **fields: Any) -> Session:
        """Return a session as it is when its agent is about to be started for the first time."""
        config = {**self.config, **({"arguments": list(arguments)} if arguments else {})}
        plain = new_session(self.root, workspace_path=self.workspace, agent=NAME, agent_config=config)
        return self.found(plain._replace(**fields))

    def found(self, session: Session) -> Session:
        """Return the session with its conversation, as the host has it before it asks for a command."""
        return session._replace(conversation=self.agent.find_conversation(session))

    def discover(self) -> Sequence[DiscoveredConversation]:
        """Return what ``agent_discover`` finds."""
        host = Host({NAME: self.settings}, SECONDS)
        host.register(self.plugin, NAME)
        found: Sequence[DiscoveredConversation] = host.call(NAME, "agent_discover", since=None)
        return found

    def state(self) -> dict[str, str]:
        """Return a digest of every file below the kit's directory."""
        files = (path for path in self.root.rglob("*") if path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


class AgentTests(Conformance):
    """Base of the tests of agents."""

    behaviours: ClassVar[frozenset[str]] = frozenset({"arguments", "conversations"})

    @pytest.fixture
    def agent_config(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what sessions carry as ``agent_config``; the settings, as at spawn, unless overridden."""
        return settings

    @pytest.fixture
    def kit(self, plugin: object, settings: Mapping[str, Any], agent_config: Mapping[str, Any], root: Path) -> AgentKit:
        """Provide a host with the plugin."""
        return AgentKit(plugin, settings, agent_config, root)

    def have_conversation(self, session: Session, prompts: Sequence[str]) -> None:
        """Write what the agent itself would have written, had it run for ``session`` and been given ``prompts``.

        To be overridden for an agent that keeps conversations.

        :param session: as it was at launch, ``workspace_path`` being the directory that the agent ran in.
        :param prompts: the first is the initial prompt; at least one.
        """
        del session, prompts
        fail(
            f"override have_conversation in {type(self).__name__} so that it writes what the agent would write,"
            ' or declare missing = {"conversations": "the reason"}'
        )


def is_argument(text: str) -> bool:
    """Return whether a process can be given ``text`` as one argument: no NUL, and at most 131,071 bytes on Linux."""
    longest = 131_071
    return "\0" not in text and len(os.fsencode(text)) <= longest


def contains(command: Sequence[str], words: Sequence[str]) -> bool:
    """Return whether ``words`` stand in ``command``, one after the other."""
    size = len(words)
    return any(list(command[start : start + size]) == list(words) for start in range(len(command) - size + 1))
