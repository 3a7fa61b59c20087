"""The client's command line and environment.

The client has no option that chooses the id of a new conversation, but it imports conversations from files. So a
fresh one is imported first, empty and with an id of ours, and then opened like any other. An import of one that is
there already changes only the directory that it belongs to, and keeps what was said.
"""

from __future__ import annotations

import json
from typing import Final

from rouser import HookError, Session, write_private
from rouser_opencode import prompts
from rouser_opencode.settings import Settings

# In the terminal and not before: a client that starts for the first time may need longer than a hook may take.
_IMPORT_FIRST: Final = '"$0" import "$1" && shift && exec "$0" "$@"'

# What opencode 1.18.33 sets for the commands that it runs, its terminals and its servers, as its program names it.
_NOT_INHERITED: Final = (
    "AGENT",
    "OPENCODE",
    "OPENCODE_CLIENT",
    "OPENCODE_PID",
    "OPENCODE_TERMINAL",
    "OPENCODE_WORKSPACE_ID",
)

_TITLE_LENGTH: Final = 60


def start(settings: Settings, session: Session, conversation_id: str) -> list[str]:
    """Return the argv that makes a conversation of that id, or moves it to the session's directory, and opens it."""
    stub = str(prompts.directory_of(session) / _stub_name(conversation_id))
    program, *options = resume(settings, conversation_id)
    return ["sh", "-c", _IMPORT_FIRST, program, stub, *options]


def resume(settings: Settings, conversation_id: str) -> list[str]:
    """Return the argv that opens a conversation."""
    options = ["--session", conversation_id]
    if settings.model is not None:
        options += ["--model", settings.model]
    return [settings.executable, *options, *settings.arguments]


def write_stub(session: Session, conversation_id: str) -> None:
    """Write the empty conversation that :func:`start` has the client import.

    :raises HookError: it cannot be written.
    """
    words = " ".join(session.task.split()) or f"rouser {session.short_id}"
    moment = int(session.created_at.timestamp() * 1000)
    info = {
        "id": conversation_id,
        "slug": f"rouser-{session.short_id}",
        "version": "rouser",
        "projectID": "global",  # this and the directory become those of where the import runs
        "directory": str(session.workspace_path),
        "title": words if len(words) <= _TITLE_LENGTH else f"{words[: _TITLE_LENGTH - 1]}…",
        "time": {"created": moment, "updated": moment},
    }
    path = prompts.directory_of(session) / _stub_name(conversation_id)
    try:
        write_private(path, json.dumps({"info": info, "messages": []}).encode())
    except OSError as error:
        raise HookError(f"cannot write {path}: {error.strerror}; make room for it there") from error


def environment(settings: Settings) -> dict[str, str | None]:
    """Return what to set in the client's environment; None removes a variable."""
    changes: dict[str, str | None] = dict.fromkeys(_NOT_INHERITED)
    changes["OPENCODE_DB"] = str(settings.database)
    return changes


def _stub_name(conversation_id: str) -> str:
    return f"{conversation_id}.json"
