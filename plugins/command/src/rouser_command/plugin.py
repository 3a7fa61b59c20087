"""The plugin of rouser that runs any command line as an agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rouser import (
    ActivityState,
    AgentSpec,
    Conversation,
    Diagnosis,
    Evidence,
    HookError,
    PluginSpec,
    Session,
    hookimpl,
)
from rouser_command import commandline
from rouser_command.settings import PromptWay, Settings, parse, parse_session


class CommandAgent(AgentSpec, PluginSpec):
    """Runs the command line behind ``--``, or the configured one, knowing nothing of it but what is set."""

    def __init__(self) -> None:
        self._settings = Settings()

    @hookimpl
    def plugin_configure(self, settings: Mapping[str, Any]) -> None:
        """Check the configured settings; sessions carry their own copy."""
        self._settings = parse(settings)

    @hookimpl
    def plugin_diagnose(self) -> Sequence[Diagnosis]:
        """Tell whether the programs of the configured command lines are there."""
        commands = (self._settings.command, self._settings.resume)
        return [_diagnose(program) for program in dict.fromkeys(command[0] for command in commands if command)]

    @hookimpl
    def agent_prepare(self, session: Session) -> None:
        """Refuse a session without a command line, or with one that cannot be started."""
        settings = parse_session(session.agent_config)
        commandline.check(settings, _prompt_of(session, settings))
        for command in (commandline.launch(settings, session.id), commandline.resume(settings, session.id)):
            if command and not _is_found(command[0]):
                raise HookError(
                    f"there is no program {command[0]!r}: install it, or put its directory on PATH, "
                    "or give its absolute path"
                )

    @hookimpl
    def agent_launch_command(self, session: Session) -> Sequence[str]:
        """Return the command line with its placeholders filled in, without the prompt."""
        return commandline.launch(parse_session(session.agent_config), session.id)

    @hookimpl
    def agent_restore_command(self, session: Session) -> Sequence[str] | None:
        """Return the ``resume`` command line; None without one, which makes a restore a fresh start."""
        return commandline.resume(parse_session(session.agent_config), session.id)

    @hookimpl
    def agent_prompt_arguments(self, session: Session, prompt: str) -> Sequence[str] | None:
        """Return the prompt as the last argument, if the command takes it there."""
        return commandline.prompt_tail(parse_session(session.agent_config), session.id, prompt)

    @hookimpl
    def agent_environment(self, session: Session) -> Mapping[str, str | None]:  # noqa: ARG002
        """Change nothing: what an unknown command needs is the user's to set."""
        return {}

    @hookimpl
    def agent_initial_prompt(self, session: Session) -> str:
        """Return the task as it is, unless the command takes no prompt."""
        return _initial_prompt(session, parse_session(session.agent_config))

    @hookimpl
    def agent_is_ready(self, session: Session, output: str) -> bool | None:
        """Return whether ``ready_pattern`` is in the terminal's last lines; None without a pattern."""
        pattern = parse_session(session.agent_config).ready_pattern
        return None if pattern is None else pattern.search(output) is not None

    @hookimpl
    def agent_detect_activity(self, session: Session) -> ActivityState | None:  # noqa: ARG002
        """Return None: an unknown command leaves no evidence of what it is doing."""
        return None

    @hookimpl
    def agent_find_conversation(self, session: Session) -> Conversation | None:
        """Return the session's own id, if the command was launched under it and resumes by it."""
        if not commandline.pins_session_id(parse_session(session.agent_config)):
            return None
        return Conversation(id=session.id, evidence=Evidence.PINNED, reason="the command line carries the session's id")


def _prompt_of(session: Session, settings: Settings) -> str:
    return session.initial_prompt_override or _initial_prompt(session, settings)


def _initial_prompt(session: Session, settings: Settings) -> str:
    return "" if settings.prompt is PromptWay.NONE else session.task


def _is_found(program: str) -> bool:
    import shutil  # only spawn and doctor look for programs

    # A relative path is looked up in the workspace, which does not exist yet.
    is_relative_path = "/" in program and not program.startswith("/")
    return is_relative_path or shutil.which(program) is not None


def _diagnose(program: str) -> Diagnosis:
    if _is_found(program):
        return Diagnosis(subject=program, ok=True, message="found")
    return Diagnosis(
        subject=program,
        ok=False,
        message="not found on PATH, or not executable",
        remedy="install it, or correct command and resume in [plugins.command]",
    )
