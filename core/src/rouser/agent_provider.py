"""An agent plugin's hooks, typed; see :mod:`rouser.provider`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rouser.errors import PluginError
from rouser.models import ActivityState, Conversation, DiscoveredConversation, PromptState, Session
from rouser.provider import Provider


class Agent(Provider):
    """An agent plugin."""

    kind = "agent"

    def prepare(self, session: Session) -> Mapping[str, Any]:
        """Check that the session can be run; return what to add to its ``agent_config``."""
        return self._optional("agent_prepare", session=session) or {}

    def launch_command(self, session: Session) -> tuple[str, ...]:
        """Return the argv of a fresh conversation."""
        command: list[str] = self._call("agent_launch_command", session=session)
        if not command:
            raise self._wrong("agent_launch_command", command, "argv with at least one element")
        return tuple(command)

    def restore_command(self, session: Session) -> tuple[str, ...] | None:
        """Return the argv that resumes the conversation; None when there is nothing to resume."""
        return tuple(self._call("agent_restore_command", session=session) or ()) or None

    def environment(self, session: Session) -> Mapping[str, str | None]:
        """Return the variables that the agent needs, or with None must not have."""
        variables: Mapping[str, str | None] = self._call("agent_environment", session=session)
        return variables

    def initial_prompt(self, session: Session) -> str:
        """Return the session's initial prompt: its override, else what the plugin makes of its task."""
        if session.initial_prompt_override is not None:
            return session.initial_prompt_override
        prompt: str = self._call("agent_initial_prompt", session=session)
        return prompt

    def prompt_arguments(self, session: Session, prompt: str) -> tuple[str, ...] | None:
        """Return the argv tail that carries the prompt; None when it must be sent through the runtime."""
        arguments: list[str] | None = self._optional("agent_prompt_arguments", session=session, prompt=prompt)
        return None if arguments is None else tuple(arguments)

    def starting(self, session: Session, prompt: str) -> None:
        """Let the plugin write what the command that is about to be started needs."""
        if self._has("agent_starting"):
            self._call("agent_starting", session=session, prompt=prompt)

    @property
    def tells_start(self) -> bool:
        """Whether the plugin can say that its agent is up."""
        return self._has("agent_has_started")

    def has_started(self, session: Session) -> bool | None:
        """Return whether the agent itself has said that it is up; None when it cannot be told."""
        answer: bool | None = self._optional("agent_has_started", session=session)
        return answer

    def explain_screen(self, session: Session, output: str) -> str | None:
        """Return what keeps the agent from working, as its terminal shows; None when nothing is recognised."""
        answer: str | None = self._optional("agent_explain_screen", session=session, output=output)
        return answer

    @property
    def explains_screens(self) -> bool:
        """Whether the plugin can recognise what its agent's terminal shows."""
        return self._has("agent_explain_screen")

    def holder(self, session: Session) -> str | None:
        """Return the live process that has the conversation open; None when nobody has, or it cannot be told."""
        answer: str | None = self._optional("agent_holder", session=session)
        return answer

    def prompt_state(self, session: Session, prompt: str, since: datetime | None = None) -> PromptState | None:
        """Return how far a prompt got; None when it cannot be told."""
        answer: PromptState | None = self._optional("agent_prompt_state", session=session, prompt=prompt, since=since)
        return answer

    def message(self, session: Session, message: str) -> str:
        """Return what to type so that the agent reads ``message``."""
        if not self._has("agent_message"):
            return message
        typed: str = self._call("agent_message", session=session, message=message)
        return typed

    def holds_input(self, session: Session, output: str, message: str) -> bool | None:
        """Return whether what was typed stands in the input, not submitted; None when it cannot be told."""
        answer: bool | None = self._optional("agent_holds_input", session=session, output=output, message=message)
        return answer

    def is_ready(self, session: Session, output: str) -> bool | None:
        """Return whether the agent takes input now; None when it cannot be told."""
        answer: bool | None = self._optional("agent_is_ready", session=session, output=output)
        return answer

    @property
    def tells_readiness(self) -> bool:
        """Whether the plugin can say when its agent takes input."""
        return self._has("agent_is_ready")

    def detect_activity(self, session: Session) -> ActivityState | None:
        """Return what the agent is doing; None when it cannot be told."""
        activity: ActivityState | None = self._call("agent_detect_activity", session=session)
        return activity

    def detect_activities(self, sessions: Sequence[Session]) -> list[ActivityState | PluginError | None]:
        """Return for each session what :meth:`detect_activity` would return or raise."""
        return self._host.call_each(self.name, "agent_detect_activity", [{"session": item} for item in sessions])

    def find_conversation(self, session: Session) -> Conversation | None:
        """Return the session's conversation; None when there is none."""
        conversation: Conversation | None = self._call("agent_find_conversation", session=session)
        return conversation

    @property
    def discovers(self) -> bool:
        """Whether the plugin can tell of conversations that no session began."""
        return self._has("agent_discover")

    def discover(self, since: datetime | None) -> list[DiscoveredConversation]:
        """Return the conversations on this machine; those since a time, and those that are live."""
        found: list[DiscoveredConversation] = self._call("agent_discover", since=since)
        return found
