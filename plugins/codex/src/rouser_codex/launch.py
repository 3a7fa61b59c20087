"""The client's command line and environment."""

from __future__ import annotations

from typing import Final

from rouser import Session
from rouser_codex.settings import Settings

# What Codex 0.171.0 sets for the commands that it runs, seen by letting it run `env`, and what its program names
# besides. An agent that is started from within another one must not take itself for a part of it.
_NOT_INHERITED: Final = (
    "CODEX_APPLY_PATCH_PRESERVE_LINE_ENDINGS",
    "CODEX_CI",
    "CODEX_PERMISSION_PROFILE",
    "CODEX_SANDBOX",
    "CODEX_SANDBOX_NETWORK_DISABLED",
    "CODEX_SESSION_ID",
    "CODEX_THREAD_ID",
    "CODEX_TOOL_CALL_ID",
    "CODEX_VERSION",
)

# The client would leave the conversation to a server in the background, which outlives the terminal and everything
# in it, and would ask about new versions before it takes the prompt.
_ALWAYS: Final = ("--no-daemon", "--config", "check_for_update_on_startup=false")


def start(settings: Settings, session: Session) -> list[str]:
    """Return the argv that starts a fresh conversation."""
    return [settings.executable, *_options(settings, session)]


def resume(settings: Settings, session: Session, conversation_id: str) -> list[str]:
    """Return the argv that resumes the conversation, with the options that it was started with."""
    return [settings.executable, "resume", conversation_id, *_options(settings, session)]


def environment(settings: Settings) -> dict[str, str | None]:
    """Return what to set in the client's environment; None removes a variable."""
    changes: dict[str, str | None] = dict.fromkeys(_NOT_INHERITED)
    if settings.config_dir is not None:
        changes["CODEX_HOME"] = str(settings.config_dir)
    return changes


def _options(settings: Settings, session: Session) -> list[str]:
    options = list(_ALWAYS)
    if session.workspace_path is not None:
        # Else it asks where to go on when the directory has moved since.
        options += ["--cd", str(session.workspace_path)]
    if settings.model is not None:
        options += ["--model", settings.model]
    return [*options, *settings.arguments]
