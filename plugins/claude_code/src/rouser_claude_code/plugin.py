"""The Claude Code plugin of rouser."""

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
from rouser_claude_code import conversations, evidence, launch, prompts, register, screen
from rouser_claude_code.settings import DEFAULT_DIR, Settings, parse, read_settings, split_settings

NAME: Final = "claude-code"
PROGRAM: Final = ClientProgram(NAME, "claude", "Claude Code", records="projects")


class ClaudeCodeAgent(AgentSpec, PluginSpec, SessionEventsSpec):
    """Runs Claude Code under a pinned conversation id, and resumes that very conversation."""

    def __init__(self) -> None:
        self._settings = Settings()

    @hookimpl
    def plugin_configure(self, settings: Mapping[str, Any]) -> None:
        """Check the configured settings; sessions carry their own copy."""
        self._settings = parse(settings)

    @hookimpl
    def plugin_scratch_settings(self, directory: Path) -> Mapping[str, Any]:
        """Keep the client's configuration and transcripts in ``directory``."""
        return {"config_dir": str(directory / "claude")}

    @hookimpl
    def plugin_diagnose(self) -> Sequence[Diagnosis]:
        """Tell whether the client is there, its version, and whether its data can be read."""
        return PROGRAM.diagnose(self._settings.executable, self._settings.home)

    @hookimpl
    def agent_prepare(self, session: Session) -> Mapping[str, Any]:
        """Refuse a session whose settings are unusable, or whose client is not installed.

        Keep the client's configuration directory: a restore from another shell must find the transcripts.
        """
        import os

        settings = parse(session.agent_config)
        PROGRAM.require(settings.executable)
        read_settings(split_settings(settings.arguments)[1], session.repository)
        if settings.config_dir is not None or settings.is_default_dir:
            return {}
        inherited = os.environ.get("CLAUDE_CONFIG_DIR")
        return {"config_dir": str(Path(inherited).absolute()) if inherited else DEFAULT_DIR}

    @hookimpl
    def agent_starting(self, session: Session, prompt: str) -> None:
        """Write the settings and the prompt file that the command names, and move a stub aside."""
        settings = parse(session.agent_config)
        users = read_settings(split_settings(settings.arguments)[1], session.workspace_path or session.repository)
        conversations.set_stub_aside(session, settings.home)
        evidence.begin(session, users)
        if prompt:
            prompts.keep(session, prompt)

    @hookimpl
    def agent_find_conversation(self, session: Session) -> Conversation | None:
        """Return the pinned conversation, and whether it is to be resumed or started, and why."""
        return conversations.find(session, parse(session.agent_config).home)

    @hookimpl
    def agent_launch_command(self, session: Session) -> Sequence[str]:
        """Return the argv that starts a conversation under the pinned id."""
        settings = parse(session.agent_config)
        return launch.start(settings, session, conversations.id_to_start(session, settings.home))

    @hookimpl
    def agent_restore_command(self, session: Session) -> Sequence[str] | None:
        """Return the argv that resumes the pinned conversation; None when nothing of it was ever written."""
        settings = parse(session.agent_config)
        if not conversations.is_resumable(session, settings.home):
            return None
        return launch.resume(settings, session, conversations.id_of(session))

    @hookimpl
    def agent_environment(self, session: Session) -> Mapping[str, str | None]:
        """Keep transcripts on, questions at resume off, and an outer Claude Code out of it."""
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
        """Return how far the prompt got, by the client's hooks and transcript; None when it cannot be read."""
        try:
            return conversations.prompt_state(session, parse(session.agent_config).home, prompt, since)
        except HookError:
            return None

    @hookimpl
    def agent_has_started(self, session: Session) -> bool | None:
        """Return whether the client of the last launch has said that it is up, by its hook or its register."""
        launched = evidence.launched_at(session)
        started = evidence.newest(session, "start")
        if launched is not None and started is not None and started.at >= launched:
            return True
        process = register.of_session(parse(session.agent_config).home, session.id)
        return process is not None and process.status != ""

    @hookimpl
    def agent_holder(self, session: Session) -> str | None:
        """Return the live process that has the conversation open; None when none is registered."""
        return conversations.holder(session, parse(session.agent_config).home)

    @hookimpl
    def agent_explain_screen(self, session: Session, output: str) -> str | None:
        """Recognise the client's dialogs and errors."""
        return screen.explain(session, output)

    @hookimpl
    def agent_is_ready(self, session: Session, output: str) -> bool | None:
        """Return whether the client shows its input box and is at rest."""
        if screen.input_box(output) is None or screen.explain(session, output) is not None:
            return False
        home = parse(session.agent_config).home
        process = register.find(home, conversations.current_id(session, home))
        return process is not None and process.status == "idle"

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
        """Return what the client is doing, by its register of live processes, its hooks and its transcript."""
        from rouser_claude_code import activity  # only listings ask for it

        return activity.detect(session, parse(session.agent_config).home)

    @hookimpl
    def agent_discover(self, since: datetime | None) -> Sequence[DiscoveredConversation]:
        """Return the conversations that the client keeps on this machine, whoever started them."""
        from rouser_claude_code.discovery import discover  # only two commands ask for it

        return discover(self._settings.home, since)

    @hookimpl
    def session_removed(self, session: Session) -> None:
        """Remove what was kept for the session's client; its conversation stays."""
        if session.agent == NAME:
            evidence.forget(session)
