"""The Claude Code plugin of rouser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rouser import (
    ActivityState,
    AgentSpec,
    Conversation,
    Diagnosis,
    HookError,
    PluginSpec,
    Session,
    hookimpl,
)
from rouser_claude_code import conversations, launch, prompts
from rouser_claude_code.settings import Settings, parse


class ClaudeCodeAgent(AgentSpec, PluginSpec):
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
        from rouser_claude_code.diagnosis import diagnose  # imports subprocess, which only doctor needs

        return diagnose(self._settings)

    @hookimpl
    def agent_prepare(self, session: Session) -> Mapping[str, Any]:
        """Refuse a session whose settings are unusable, or whose client is not installed.

        Keep the client's configuration directory: a restore from another shell must find the transcripts.
        """
        import os
        import shutil  # only spawn looks for the client

        settings = parse(session.agent_config)
        if shutil.which(settings.executable) is None:
            raise HookError(
                f"there is no program {settings.executable!r}: install Claude Code, put its directory on PATH, "
                "or set executable in [plugins.claude-code]"
            )
        inherited = os.environ.get("CLAUDE_CONFIG_DIR")
        return {"config_dir": str(Path(inherited).absolute())} if inherited and settings.config_dir is None else {}

    @hookimpl
    def agent_find_conversation(self, session: Session) -> Conversation | None:
        """Return the pinned conversation, and whether it is to be resumed or started, and why."""
        return conversations.find(session, parse(session.agent_config).home)

    @hookimpl
    def agent_launch_command(self, session: Session) -> Sequence[str]:
        """Return the argv that starts a conversation under the pinned id."""
        return launch.start(parse(session.agent_config), conversations.id_of(session))

    @hookimpl
    def agent_restore_command(self, session: Session) -> Sequence[str] | None:
        """Return the argv that resumes the pinned conversation; None when nothing of it was ever written."""
        settings = parse(session.agent_config)
        if not conversations.is_resumable(session, settings.home):
            return None
        return launch.resume(settings, conversations.id_of(session))

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
    def agent_prompt_accepted(self, session: Session, prompt: str) -> bool | None:
        """Return whether the transcript holds the prompt; None when it cannot be read."""
        try:
            return conversations.holds_prompt(session, parse(session.agent_config).home, prompt)
        except HookError:
            return None

    @hookimpl
    def agent_detect_activity(self, session: Session) -> ActivityState | None:
        """Return what the client is doing, by its register of live processes or its transcript."""
        from rouser_claude_code import activity  # only listings ask for it

        return activity.detect(parse(session.agent_config).home, conversations.id_of(session))
