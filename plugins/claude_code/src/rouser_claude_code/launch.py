"""The client's command line and environment."""

from __future__ import annotations

from typing import Final

from rouser import Session
from rouser_claude_code import evidence
from rouser_claude_code.settings import Settings, split_settings

# What Claude Code 2.1.330 sets for the commands that it runs, seen by letting it run `env`. An agent that is
# started from within another one must not take itself for a part of it: with CLAUDE_CODE_CHILD_SESSION it would
# keep no transcript. CLAUDE_CODE_SSE_PORT is set by editors and names the editor around the wrong terminal.
_NOT_INHERITED: Final = (
    "AI_AGENT",
    "CLAUDECODE",
    "CLAUDE_CODE_CHILD_NOTES_DIR",
    "CLAUDE_CODE_CHILD_SESSION",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_EXECPATH",
    "CLAUDE_CODE_MESSAGING_SOCKET",
    "CLAUDE_CODE_MESSAGING_TOKEN",
    "CLAUDE_CODE_SESSION_ATTENDED",
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_CODE_SSE_PORT",
    "CLAUDE_EFFORT",
    "CLAUDE_PID",
)

_SET: Final = {
    "CLAUDE_CODE_FORCE_SESSION_PERSISTENCE": "1",
    # Else a long conversation, resumed after a while, may begin with a question that nobody is there to answer.
    "CLAUDE_CODE_RESUME_TOKEN_THRESHOLD": "999999999",
}


def start(settings: Settings, session: Session, conversation_id: str) -> list[str]:
    """Return the argv that starts a fresh conversation under ``conversation_id``."""
    return [settings.executable, "--session-id", conversation_id, *_options(settings, session)]


def resume(settings: Settings, session: Session, conversation_id: str) -> list[str]:
    """Return the argv that resumes the conversation, with the options that it was started with."""
    return [settings.executable, "--resume", conversation_id, *_options(settings, session)]


def environment(settings: Settings) -> dict[str, str | None]:
    """Return what to set in the client's environment; None removes a variable."""
    changes: dict[str, str | None] = dict.fromkeys(_NOT_INHERITED)
    changes |= _SET
    if settings.config_dir is not None:
        changes["CLAUDE_CONFIG_DIR"] = str(settings.config_dir)
    elif settings.is_default_dir:
        changes["CLAUDE_CONFIG_DIR"] = None
    return changes


def _options(settings: Settings, session: Session) -> list[str]:
    options = ["--settings", str(evidence.settings_file(session))]
    if settings.model is not None:
        options += ["--model", settings.model]
    if settings.permission_mode is not None:
        options += ["--permission-mode", settings.permission_mode]
    # The client takes the last of a repeated option, so what the user wrote for this session comes last; but the
    # user's own settings are part of our file already.
    return [*options, *split_settings(settings.arguments)[0]]
