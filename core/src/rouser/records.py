"""Sessions as database rows, and back."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

from rouser.models import (
    ActivityState,
    Conversation,
    Evidence,
    PromptReceipt,
    PromptState,
    RuntimeIntent,
    Session,
    SessionStatus,
)


class _Column(NamedTuple):
    """How one field of a session is stored; None is stored as NULL whatever the column."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def _same(value: str) -> str:
    return value


def _write_json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))


def _read_json(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise TypeError("not a JSON object")
    return value


def _write_path(path: Path) -> str | bytes:
    """Keep a path that is not valid UTF-8 as its bytes."""
    text = str(path)
    return os.fsencode(text) if any("\ud800" <= char <= "\udfff" for char in text) else text


def _read_path(value: str | bytes) -> Path:
    return Path(os.fsdecode(value))


def _write_time(value: datetime) -> str:
    return value.isoformat(timespec="microseconds")


def _write_conversation(value: Conversation) -> str:
    return _write_json({"id": value.id, "evidence": value.evidence, "reason": value.reason})


def _read_conversation(text: str) -> Conversation:
    value = _read_json(text)
    return Conversation(id=value["id"], evidence=Evidence(value["evidence"]), reason=value["reason"])


def _write_prompt(value: PromptReceipt) -> str:
    return _write_json(
        {"state": value.state, "at": _write_time(value.at), "reason": value.reason, "digest": value.digest}
    )


def _read_prompt(text: str) -> PromptReceipt:
    value = _read_json(text)
    return PromptReceipt(
        state=PromptState(value["state"]),
        at=datetime.fromisoformat(value["at"]),
        reason=value["reason"],
        digest=value.get("digest", ""),
    )


def _write_intent(value: RuntimeIntent) -> str:
    return _write_json(
        {
            "name": value.name,
            "command": list(value.command),
            "resumed": value.resumed,
            "prompt_in_command": value.prompt_in_command,
            "at": _write_time(value.at),
        }
    )


def _read_intent(text: str) -> RuntimeIntent:
    value = _read_json(text)
    return RuntimeIntent(
        name=value["name"],
        command=tuple(value["command"]),
        resumed=value["resumed"],
        prompt_in_command=value["prompt_in_command"],
        at=datetime.fromisoformat(value["at"]),
    )


_TEXT: Final = _Column(_same, _same)
_JSON: Final = _Column(_write_json, _read_json)
_PATH: Final = _Column(_write_path, _read_path)
_TIME: Final = _Column(_write_time, datetime.fromisoformat)

_COLUMNS: Final[Mapping[str, _Column]] = {
    "id": _TEXT,
    "project_id": _TEXT,
    "status": _Column(str, SessionStatus),
    "name": _TEXT,
    "agent": _TEXT,
    "agent_config": _JSON,
    "runtime": _TEXT,
    "runtime_config": _JSON,
    "runtime_handle": _TEXT,
    "runtime_name": _TEXT,
    "workspace": _TEXT,
    "workspace_path": _PATH,
    "repository": _PATH,
    "branch": _TEXT,
    "base": _TEXT,
    "task": _TEXT,
    "activity": _Column(str, ActivityState),
    "conversation": _Column(_write_conversation, _read_conversation),
    "prompt": _Column(_write_prompt, _read_prompt),
    "pending": _Column(_write_intent, _read_intent),
    "created_at": _TIME,
    "updated_at": _TIME,
    "issue_id": _TEXT,
    "issue_url": _TEXT,
    "initial_prompt_override": _TEXT,
    "spawned_by": _TEXT,
    "metadata": _JSON,
}

COLUMNS: Final = (*_COLUMNS, "checksum")
_SUMMED: Final = sorted(enumerate(_COLUMNS), key=itemgetter(1))


def to_row(session: Session) -> list[Any]:
    """Return the values of :data:`COLUMNS` for ``session``."""
    row: list[Any] = []
    for name, column in _COLUMNS.items():
        value = getattr(session, name)
        row.append(None if value is None else column.write(value))
    return [*row, checksum(row)]


def from_row(row: tuple[Any, ...]) -> Session:
    """Return the session that the values of :data:`COLUMNS` describe.

    :raises ValueError: a value is not what its column holds, the message names the column; or the checksum shows
        that they are not those that were written.
    """
    *stored, expected = row
    values: dict[str, Any] = {}
    for (name, column), value in zip(_COLUMNS.items(), stored, strict=True):
        try:
            values[name] = None if value is None else column.read(value)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"column {name} holds {value!r:.60}") from error
    # Records from before there were checksums have none until they are written again.
    if expected is not None and expected != checksum(stored):
        raise ValueError("its checksum does not match, so something else than rouser has changed it")
    return Session(**values)


def checksum(values: Sequence[Any]) -> int:
    """Return the CRC-32 of the columns' values and names, whatever their order.

    SQLite notices damage to its structure, but not to the text in a record, and a handle or a path with one
    other letter is somebody else's. It reads indexed columns from the index, so an index that leads to another
    record shows too. Empty values are left out, so that a new column changes no checksum.
    """
    written = [f"{name}\0{values[index]}" for index, name in _SUMMED if values[index] not in {None, "{}"}]
    return zlib.crc32("\0".join(written).encode("utf-8", "surrogatepass"))
