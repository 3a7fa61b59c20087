"""Sessions as database rows, and back."""

import json
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

from rouser.errors import StoreError
from rouser.models import (
    ActivityState,
    Conversation,
    Evidence,
    PromptReceipt,
    PromptState,
    RuntimeIntent,
    Session,
    SessionStatus,
    is_valid_name,
)


class _Column(NamedTuple):
    """How one field of a session is stored; None is stored as NULL whatever the column."""

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def _same(value: str) -> str:
    return value


def _read_text(value: Any) -> str:
    """Take nothing but text: SQLite keeps values of any type in any column."""
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def _read_id(value: Any) -> str:
    if not is_valid_name(_read_text(value)):
        raise ValueError("no id of a session, which also names files")
    return str(value)


def _read_flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("neither true nor false")
    return value


def _read_argv(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return tuple(map(_read_text, value))


# Without the default of json.dumps, which writes NaN. What is read may have been written by it.
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_DECODER: Final = json.JSONDecoder(parse_constant=lambda _: None)


def _write_json(value: Mapping[str, Any]) -> str:
    return _ENCODER.encode(dict(value))


def _read_json(text: str) -> dict[str, Any]:
    value = _DECODER.decode(text)
    if not isinstance(value, dict):
        raise TypeError("not a JSON object")
    return value


def _write_path(path: Path) -> str | bytes:
    """Keep a path that is not valid UTF-8 as its bytes."""
    text = str(path)
    if text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text):
        return text
    return os.fsencode(text)


def _read_path(value: str | bytes) -> Path:
    text = os.fsdecode(value)
    if not text.startswith("/") or "\0" in text:
        raise ValueError("no absolute path")
    return Path(text)


def _write_time(value: datetime) -> str:
    return value.isoformat(timespec="microseconds")


def _read_time(text: Any) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("without its time zone")
    return moment


def _write_conversation(value: Conversation) -> str:
    return _write_json({"id": value.id, "evidence": value.evidence, "reason": value.reason})


def _read_conversation(text: str) -> Conversation:
    value = _read_json(text)
    return Conversation(
        id=_read_text(value["id"]), evidence=Evidence(value["evidence"]), reason=_read_text(value["reason"])
    )


def _write_prompt(value: PromptReceipt) -> str:
    return _write_json(
        {"state": value.state, "at": _write_time(value.at), "reason": value.reason, "digest": value.digest}
    )


def _read_prompt(text: str) -> PromptReceipt:
    value = _read_json(text)
    return PromptReceipt(
        state=PromptState(value["state"]),
        at=_read_time(value["at"]),
        reason=_read_text(value["reason"]),
        digest=_read_text(value.get("digest", "")),
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
        name=_read_text(value["name"]),
        command=_read_argv(value["command"]),
        resumed=_read_flag(value["resumed"]),
        prompt_in_command=_read_flag(value["prompt_in_command"]),
        at=_read_time(value["at"]),
    )


_TEXT: Final = _Column(_same, _read_text)
_ID: Final = _Column(_same, _read_id)
_JSON: Final = _Column(_write_json, _read_json)
_PATH: Final = _Column(_write_path, _read_path)
_TIME: Final = _Column(_write_time, _read_time)

_COLUMNS: Final[Mapping[str, _Column]] = {
    "id": _ID,
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

_REQUIRED: Final = frozenset(
    {
        *("id", "project_id", "status", "agent", "agent_config", "runtime", "runtime_config", "repository", "branch"),
        *("task", "created_at", "updated_at", "metadata"),
    }
)
COLUMNS: Final = (*_COLUMNS, "checksum")
_SUMMED: Final = sorted(enumerate(_COLUMNS), key=itemgetter(1))


def to_row(session: Session) -> list[Any]:
    """Return the values of :data:`COLUMNS` for ``session``.

    :raises StoreError: a value is not what its column holds, so that :func:`from_row` would refuse it.
    """
    row: list[Any] = []
    for name, column in _COLUMNS.items():
        value = getattr(session, name)
        try:
            row.append(None if value is None and name not in _REQUIRED else _written(column, value))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            message = f"session {session.short_id} cannot be recorded, because of its {name}: {error}"
            raise StoreError(message) from error
    return [*row, checksum(row)]


def _written(column: _Column, value: Any) -> str | bytes:
    """Return how a value is stored, once it has been read back: what cannot be is a damaged database to all others."""
    written: str | bytes = column.write(value)
    if isinstance(written, str) and not written.isascii():
        written.encode()
    column.read(written)
    return written


def from_row(row: tuple[Any, ...]) -> Session:
    """Return the session that the values of :data:`COLUMNS` describe.

    :raises ValueError: a value is not what its column holds, the message names the column; or the checksum shows
        that they are not those that were written.
    """
    *stored, expected = row
    values: dict[str, Any] = {}
    for (name, column), value in zip(_COLUMNS.items(), stored, strict=True):
        try:
            values[name] = None if value is None and name not in _REQUIRED else column.read(value)
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
