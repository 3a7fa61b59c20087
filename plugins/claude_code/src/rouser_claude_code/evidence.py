"""What the client itself reports of a session, by hooks that are injected for its process alone.

Each session has a private directory. ``settings.json`` in it goes to the client as ``--settings`` and names the
hooks; it is written anew right before each launch. Each hook writes what the client tells it into a file of its
own, ``start-*``, ``prompt-*`` or ``end-*``, so that nothing is ever half written or mixed up. Names and fields
of the hooks: https://code.claude.com/docs/en/hooks.
"""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rouser import HookError, Session, state_directory, write_private

_HOOKS: Final = {"SessionStart": "start", "UserPromptSubmit": "prompt", "SessionEnd": "end"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something that the client reported.

    :ivar at: when, in UTC.
    :ivar conversation_id: the conversation that it was about.
    :ivar fields: all that the client said.
    """

    at: datetime
    conversation_id: str
    fields: Mapping[str, Any]


def directory_of(session: Session) -> Path:
    """Return the session's private directory, which may not be there yet."""
    return state_directory() / "claude-code" / session.id


def settings_file(session: Session) -> Path:
    """Return the file that the client gets as ``--settings``."""
    return directory_of(session) / "settings.json"


def begin(session: Session, users: Mapping[str, Any]) -> None:
    """Make the session's directory ready for a launch.

    :param users: settings that the user passes on the command line, to which the hooks are added: the client
        takes one ``--settings`` only.
    :raises HookError: it cannot be written.
    """
    directory = directory_of(session)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for kind in ("prompt", "end"):  # of an earlier launch: whatever came of it is in the transcript
            for path in directory.glob(f"{kind}-*"):
                path.unlink(missing_ok=True)
        write_private(settings_file(session), json.dumps(_with_hooks(users, session)).encode())
    except OSError as error:
        raise HookError(f"cannot write to {directory}: {error.strerror}; make room for it there") from error


def forget(session: Session) -> None:
    """Remove the session's directory, best effort."""
    shutil.rmtree(directory_of(session), ignore_errors=True)


def launched_at(session: Session) -> datetime | None:
    """Return when the last launch was prepared, in UTC; None when none was."""
    try:
        return _time_of(settings_file(session))
    except OSError:
        return None


def newest(session: Session, kind: str) -> Event | None:
    """Return the last event of a kind: ``start``, ``prompt`` or ``end``."""
    return next(iter(events(session, kind)), None)


def events(session: Session, kind: str, since: datetime | None = None) -> list[Event]:
    """Return the events of a kind, the newest first.

    :param since: leave out what was reported before, in UTC. None: nothing is left out.
    """
    found = []
    for path in directory_of(session).glob(f"{kind}-*.json"):
        with suppress(OSError, ValueError):
            at = _time_of(path)
            fields = json.loads(path.read_bytes()) if since is None or at >= since else None
            if isinstance(fields, dict) and isinstance(fields.get("session_id"), str):
                found.append(Event(at=at, conversation_id=fields["session_id"], fields=fields))
    return sorted(found, key=lambda event: event.at, reverse=True)


def _time_of(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _with_hooks(users: Mapping[str, Any], session: Session) -> dict[str, Any]:
    hooks = dict(users.get("hooks") or {})
    for name, kind in _HOOKS.items():
        command = _recorder(session, kind)
        hooks[name] = [*hooks.get(name, ()), {"hooks": [{"type": "command", "command": command}]}]
    permissions = dict(users.get("permissions") or {})
    # The client asks before it reads outside of its directory, and prompts may be kept in files here.
    permissions["allow"] = [*permissions.get("allow", ()), f"Read(/{directory_of(session)}/**)"]
    return {**users, "hooks": hooks, "permissions": permissions}


def _recorder(session: Session, kind: str) -> str:
    """Return the hook's command, which the client hands to a shell.

    It says nothing, as the client would give that to the model, and never fails, as the client would show that
    to the user: a session that was removed while its client still runs must not disturb it. Somebody may have
    copied the command line; what the client of that does is not the session's.
    """
    template = shlex.quote(f"{directory_of(session)}/{kind}-XXXXXXXXXX")
    record = f'umask 077; f=$(mktemp {template}) && cat >"$f" && mv "$f" "$f.json"'
    return f'[ "$ROUSER_SESSION_ID" = {session.id} ] && {{ {record}; }} >/dev/null 2>&1 || :'
