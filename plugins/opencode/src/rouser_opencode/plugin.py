"""The opencode plugin of rouser."""

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
from rouser_opencode import conversations, launch, prompts, screen
from rouser_opencode.settings import Settings, parse

NAME: Final = "opencode"
PROGRAM: Final = ClientProgram(NAME, "opencode", "opencode", records="opencode.db", home_key="database")


class OpencodeAgent(AgentSpec, PluginSpec, SessionEventsSpec):
    """Runs opencode in a conversation with a pinned id, and resumes that very conversation."""

    def __init__(self) -> None:
        self._settings = Settings()

    @hookimpl
    def plugin_configure(self, settings: Mapping[str, Any]) -> None:
        """Check the configured settings; sessions carry their own copy."""
        self._settings = parse(settings)

    @hookimpl
    def plugin_scratch_settings(self, directory: Path) -> Mapping[str, Any]:
        """Keep the client's conversations in ``directory``."""
        return {"database": str(directory / "opencode.db")}

    @hookimpl
    def plugin_diagnose(self) -> Sequence[Diagnosis]:
        """Tell whether the client is there, its version, and whether its data can be read."""
        database = self._settings.database
        return PROGRAM._replace(records=database.name).diagnose(self._settings.executable, database.parent)

    @hookimpl
    def agent_prepare(self, session: Session) -> Mapping[str, Any]:
        """Refuse a session whose settings are unusable, or whose client is not installed.

        Keep where the client's conversations are: a restore from another shell must find them.
        """
        settings = parse(session.agent_config)
        PROGRAM.require(settings.executable)
        return {"database": str(settings.database.absolute())}

    @hookimpl
    def agent_starting(self, session: Session, prompt: str) -> None:  # noqa: ARG002
        """Write what the command may have the client import; clear an earlier client out of the way."""
        database = parse(session.agent_config).database
        conversations.clear_the_way(session, database)
        prompts.begin(session)
        for conversation_id in {conversations.id_of(session), conversations.id_to_start(session, database)}:
            launch.write_stub(session, conversation_id)

    @hookimpl
    def agent_find_conversation(self, session: Session) -> Conversation | None:
        """Return the pinned conversation, and whether it is to be resumed or started, and why."""
        return conversations.find(session, parse(session.agent_config).database)

    @hookimpl
    def agent_launch_command(self, session: Session) -> Sequence[str]:
        """Return the argv that makes a conversation with the pinned id and opens it."""
        settings = parse(session.agent_config)
        return launch.start(settings, session, conversations.id_to_start(session, settings.database))

    @hookimpl
    def agent_restore_command(self, session: Session) -> Sequence[str] | None:
        """Return the argv that resumes the conversation; None when nothing was said in it."""
        settings = parse(session.agent_config)
        if not conversations.is_resumable(session, settings.database):
            return None
        if conversations.is_elsewhere(session, settings.database):
            return launch.start(settings, session, conversations.id_of(session))
        return launch.resume(settings, conversations.id_of(session))

    @hookimpl
    def agent_environment(self, session: Session) -> Mapping[str, str | None]:
        """Keep an outer opencode out of it, and the conversations where they were."""
        return launch.environment(parse(session.agent_config))

    @hookimpl
    def agent_initial_prompt(self, session: Session) -> str:
        """Return the task as it is."""
        return session.task

    @hookimpl
    def agent_prompt_state(self, session: Session, prompt: str, since: datetime | None) -> PromptState | None:
        """Return whether the prompt stands in the conversation; None when that cannot be read."""
        try:
            return conversations.prompt_state(session, parse(session.agent_config).database, prompt, since)
        except HookError:
            return None

    @hookimpl
    def agent_has_started(self, session: Session) -> bool | None:
        """Return whether the client of the last launch has the conversations open."""
        return conversations.has_started(session, parse(session.agent_config).database)

    @hookimpl
    def agent_holder(self, session: Session) -> str | None:
        """Return the live process that has the conversation open; None when none has."""
        return conversations.holder(session, parse(session.agent_config).database)

    @hookimpl
    def agent_explain_screen(self, session: Session, output: str) -> str | None:
        """Recognise the client's dialogs and errors."""
        return screen.explain(session, output)

    @hookimpl
    def agent_is_ready(self, session: Session, output: str) -> bool | None:
        """Return whether the client shows its empty input box and is at rest."""
        from rouser_opencode import activity

        return screen.is_at_rest(output) and not activity.is_taking_in(session, parse(session.agent_config).database)

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
        """Return what the client is doing, by its live process and the end of its conversation."""
        from rouser_opencode import activity  # only listings ask for it

        return activity.detect(session, parse(session.agent_config).database)

    @hookimpl
    def agent_discover(self, since: datetime | None) -> Sequence[DiscoveredConversation]:
        """Return the conversations that the client keeps on this machine, whoever started them."""
        from rouser_opencode.discovery import discover  # only two commands ask for it

        return discover(self._settings.database, since)

    @hookimpl
    def session_removed(self, session: Session) -> None:
        """Remove what was kept for the session's client; its conversation stays."""
        if session.agent == NAME:
            prompts.forget(session)
