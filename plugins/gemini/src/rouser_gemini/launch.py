"""The client's command line and environment."""

from __future__ import annotations

from typing import Final

from rouser import Session
from rouser_gemini import prompts
from rouser_gemini.settings import Settings

# What Gemini CLI 0.61.0 sets for the commands that it runs and for itself when it starts itself anew, as far as its
# program names it, and what an editor sets that would be the one around the wrong terminal. With either of the first
# two set to "true" it takes a terminal for none, and ends because nothing is piped into it.
_NOT_INHERITED: Final = (
    "CI",
    "GITHUB_ACTIONS",
    "GEMINI_CLI",
    "GEMINI_CLI_ACTIVITY_LOG_TARGET",
    "GEMINI_CLI_IDE_AUTH_TOKEN",
    "GEMINI_CLI_IDE_PID",
    "GEMINI_CLI_IDE_SERVER_PORT",
    "GEMINI_CLI_IDE_SERVER_STDIO_ARGS",
    "GEMINI_CLI_IDE_SERVER_STDIO_COMMAND",
    "GEMINI_CLI_IDE_WORKSPACE_PATH",
    "GEMINI_CLI_NO_RELAUNCH",
    "GEMINI_CLI_SURFACE",
    "GEMINI_CLI_WORKTREE_HANDLED",
    "GEMINI_PTY_INFO",
)


def start(settings: Settings, session: Session, conversation_id: str) -> list[str]:
    """Return the argv that starts a fresh conversation under ``conversation_id``."""
    return [settings.executable, "--session-id", conversation_id, *_options(settings, session)]


def resume(settings: Settings, session: Session, conversation_id: str) -> list[str]:
    """Return the argv that resumes the conversation, with the options that it was started with."""
    return [settings.executable, "--resume", conversation_id, *_options(settings, session)]


def environment(settings: Settings) -> dict[str, str | None]:
    """Return what to set in the client's environment; None removes a variable."""
    changes: dict[str, str | None] = dict.fromkeys(_NOT_INHERITED)
    if settings.user_home is not None:
        changes["GEMINI_CLI_HOME"] = str(settings.user_home)
    return changes


def _options(settings: Settings, session: Session) -> list[str]:
    # The client reads files only in the directories that it was given, and prompts may be kept in files here.
    options = [f"--include-directories={prompts.directory_of(session)}"]
    if settings.model is not None:
        options += ["--model", settings.model]
    return [*options, *settings.arguments]
