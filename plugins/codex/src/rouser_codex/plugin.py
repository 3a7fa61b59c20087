"""The Codex plugin of rouser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from rouser import (
    ActivityState,
    AgentSpec,
    ClientProgram,
    Conversation,
    Diagnosis,
    DiscoveredConversation,
    HookError,
    PluginSpec,
    PromptState,
    Session,
    SessionEventsSpec,
    hookimpl,
)
from rouser_codex import conversations, launch, processes, prompts, screen
from rouser_codex.settings import Settings, parse

NAME: Final = "codex"
PROGRAM: Final = ClientProgram(NAME, "codex", "Codex", records="sessions")


class CodexAgent(AgentSpec, PluginSpec, SessionEventsSpec):
    """Runs Codex, finds out which conversation it began, and resumes that very one."""

    def __init__(self) -> None:
        self._settings = Settings()

    @hookimpl
    def plugin_configure(self, settings: Mapping[str, Any]) -> None:
        """Check the configured settings; sessions carry their own copy."""
        self._settings = parse(settings)

    @hookimpl
    def plugin_scratch_settings(self, directory: Path) -> Mapping[str, Any]:
        """Keep the client's configuration and conversations in ``directory``."""
        return {"config_dir": str(directory / "codex")}

    @hookimpl
    def plugin_diagnose(self) -> Sequence[Diagnosis]:
        """Tell whether the client is there, its version, and whether its data can be read."""
        return PROGRAM.diagnose(self._settings.executable, self._settings.home)

    @hookimpl
    def agent_prepare(self, session: Session) -> Mapping[str, Any]:
        """Refuse a session whose settings are unusable, or whose client is not installed.

        Keep the client's directory: a restore from another shell must find the conversations.
        """
        settings = parse(session.agent_config)
        PROGRAM.require(settings.executable)
        return {} if settings.config_dir is not None else {"config_dir": str(settings.home.absolute())}

    @hookimpl
    def agent_starting(self, session: Session, prompt: str) -> None:
        """Write the prompt file that the command names."""
        if prompt:
            prompts.keep(session, prompt)

    @hookimpl
    def agent_find_conversation(self, session: Session) -> Conversation | None:
        """Return the conversation that the session's client has, or had, open; None before it has begun one."""
        return conversations.find(session, parse(session.agent_config).home)

    @hookimpl
    def agent_launch_command(self, session: Session) -> Sequence[str]:
        """Return the argv that starts a conversation."""
        return launch.start(parse(session.agent_config), session)

    @hookimpl
    def agent_restore_command(self, session: Session) -> Sequence[str] | None:
        """Return the argv that resumes the conversation; None when nothing of it was ever written."""
        settings = parse(session.agent_config)
        if session.conversation is None or not conversations.is_resumable(session, settings.home):
            return None
        return launch.resume(settings, session, session.conversation.id)

    @hookimpl
    def agent_environment(self, session: Session) -> Mapping[str, str | None]:
        """Keep an outer Codex out of it, and the conversations where they were."""
        return launch.environment(parse(session.agent_config))

    @hookimpl
    def agent_initial_prompt(self, session: Session) -> str:
        """Return the task as it is."""
        return session.task

    @hookimpl
    def agent_prompt_arguments(self, session: Session, prompt: str) -> Sequence[str] | None:
        """Return the prompt as the positional argument, or one that names a file with it."""
        return prompts.arguments(session, prompt)

    @hookimpl
    def agent_prompt_state(self, session: Session, prompt: str, since: datetime | None) -> PromptState | None:
        """Return whether the prompt stands in the client's record; None when that cannot be read."""
        try:
            return conversations.prompt_state(session, parse(session.agent_config).home, prompt, since)
        except HookError:
            return None

    @hookimpl
    def agent_has_started(self, session: Session) -> bool | None:
        """Return whether the session's client has a conversation open; None where processes cannot be seen."""
        if not processes.can_be_seen():
            return None
        client = processes.of_session(parse(session.agent_config).home, session.id)
        return client is not None and bool(client.open)

    @hookimpl
    def agent_holder(self, session: Session) -> str | None:
        """Return the live process that has the conversation open; None when none has."""
        return conversations.holder(session, parse(session.agent_config).home)

    @hookimpl
    def agent_explain_screen(self, session: Session, output: str) -> str | None:
        """Recognise the client's dialogs and errors."""
        return screen.explain(session, output)

    @hookimpl
    def agent_is_ready(self, session: Session, output: str) -> bool | None:
        """Return whether the client shows its input box and is at rest."""
        from rouser_codex import activity

        if screen.input_box(output) is None:
            return False
        state = activity.detect(session, parse(session.agent_config).home)
        return state in {None, ActivityState.READY, ActivityState.IDLE, ActivityState.BLOCKED}

    @hookimpl
    def agent_message(self, session: Session, message: str) -> str:
        """Return what to type so that the message stays text and arrives whole."""
        return prompts.typed(session, message)

    @hookimpl
    def agent_holds_input(self, session: Session, output: str, message: str) -> bool | None:  # noqa: ARG002
        """Return whether what was typed still stands in the input box."""
        return screen.holds(output, message)

    @hookimpl
    def agent_detect_activity(self, session: Session) -> ActivityState | None:
        """Return what the client is doing, by its live process and the end of its record."""
        from rouser_codex import activity  # only listings ask for it

        return activity.detect(session, parse(session.agent_config).home)

    @hookimpl
    def agent_discover(self, since: datetime | None) -> Sequence[DiscoveredConversation]:
        """Return the conversations that the client keeps on this machine, whoever started them."""
        from rouser_codex.discovery import discover  # only two commands ask for it

        return discover(self._settings.home, since)

    @hookimpl
    def session_removed(self, session: Session) -> None:
        """Remove what was kept for the session's client; its conversation stays."""
        if session.agent == NAME:
            prompts.forget(session)
