"""What hooks may return: each answer is checked here, to its last field, before the host does anything with it.

A check takes what came back and returns it as plain values, since what a plugin derives from ``str`` or ``list`` may
fail whenever it is looked at. So checks run where the hook ran: within its deadline, and blamed on its plugin.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from functools import cache
from math import isfinite
from pathlib import Path
from types import CoroutineType
from typing import Any, Final

from rouser.models import (
    ActivityState,
    Conversation,
    Diagnosis,
    DiscoveredConversation,
    DiscoveredRuntime,
    DiscoveredWorkspace,
    Evidence,
    PromptState,
    Snapshot,
)

_Check = Callable[[Any], Any]

_LARGEST: Final = 2**63
_DEEPEST: Final = 100
_LONGEST_IN_JSON: Final = 1024  # what is longer is infinite to those who read numbers as floating point
_PLAIN_PATH: Final = type(Path())
_SAID: Final = frozenset({"reason", "left_out", "first_words", "subject", "message", "remedy"})
_TOLD: Final = frozenset({PromptState.QUEUED, PromptState.ACCEPTED, PromptState.DURABLE})
_JSON: Final = "mapping of str to JSON values"


class WrongAnswerError(Exception):
    """A hook returned what it must not.

    :ivar found: what it returned, a few words.
    :ivar expected: what it should have.
    """

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(f"{found}, where {expected} is expected")
        self.found = found
        self.expected = expected


def checked(hook: str, answer: Any) -> Any:
    """Return what a hook returned, in plain values: sequences as lists, mappings as dicts.

    :raises WrongAnswerError: it is nothing that the hook may return.
    :raises BaseException: whatever looking at it raises.
    """
    return CHECKS[hook](answer)


def _wrong(value: object, expected: str) -> WrongAnswerError:
    return WrongAnswerError(type(value).__name__, expected)


def _nothing(value: Any) -> None:
    if value is not None:
        if isinstance(value, CoroutineType):
            value.close()  # or Python says on standard error that nobody awaited it
        raise _wrong(value, "None")


def _silence(value: Any) -> None:
    """Check what an event's listeners returned, which pluggy collects in a list."""
    if value != []:
        _nothing(value[0] if isinstance(value, list) else value)


def _flag(value: Any) -> bool:
    if value is not True and value is not False:
        raise _wrong(value, "bool")
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(value, "int")
    number = int.__int__(value)
    if not -_LARGEST <= number < _LARGEST:
        raise WrongAnswerError("a number of more than 64 bits", "int")
    return number


def _plain(value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(value, "str")
    return str.__str__(value)


def _can_be_written(text: str, errors: str = "strict") -> bool:
    if text.isascii():
        return True
    try:
        text.encode(errors=errors)
    except UnicodeEncodeError:
        return False
    return True


def _said(value: Any) -> str:
    """Take text for people. It may quote anything, so what no encoding has is replaced, and nothing refused."""
    text = _plain(value)
    return text if _can_be_written(text, "surrogateescape") else text.encode(errors="replace").decode()


def _kept(value: Any) -> str:
    """Take text that is recorded or compared: a handle, an id, a branch."""
    text = _plain(value)
    if "\0" in text or not _can_be_written(text):
        raise WrongAnswerError("text with NUL or lone surrogates", "text that can be kept")
    return text


def _id(value: Any) -> str:
    """Take the id of a conversation, which is compared with others: an empty one is nobody's."""
    text = _kept(value)
    if not text:
        raise WrongAnswerError("an empty text", "an id that is not empty")
    return text


def _typed(value: Any) -> str:
    """Take a prompt; surrogates in it stand for bytes that are no UTF-8."""
    text = _plain(value)
    if not _can_be_written(text, "surrogateescape"):
        raise WrongAnswerError("text that cannot be encoded", "str without lone surrogates")
    return text


def _argument(value: Any) -> str:
    """Take what a process is to be given; surrogates in it stand for bytes that are no UTF-8."""
    text = _plain(value)
    if "\0" in text or not _can_be_written(text, "surrogateescape"):
        raise WrongAnswerError("an argument that no process can be given", "str without NUL and lone surrogates")
    return text


def _variables(value: Any) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name, text in _pairs(value, "mapping of str to str or None"):
        plain = _argument(name)
        if not plain or "=" in plain:
            raise WrongAnswerError(f"a variable named {plain!r:.60}", "a name without =, not empty")
        found[plain] = None if text is None else _argument(text)
    return found


def _path(value: Any) -> Path:
    if not isinstance(value, Path):
        raise _wrong(value, "Path")
    text = str(value)
    if not text.startswith("/"):
        raise WrongAnswerError(f"the path {text!r:.60}", "absolute path")
    try:
        is_usable = "\0" not in text and bool(os.fsencode(text))
    except UnicodeEncodeError:
        is_usable = False
    if not is_usable:
        raise WrongAnswerError(f"the path {text!r:.60}", "absolute path that a file can have")
    return value if type(value) is _PLAIN_PATH else Path(text)


def _moment(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise _wrong(value, "datetime")
    if value.utcoffset() is None:
        raise WrongAnswerError("a time without its zone", "a time with its zone")
    return value if type(value) is datetime else datetime.fromisoformat(datetime.isoformat(value))


def _json_values(value: Any) -> dict[str, Any]:
    found = {}
    for key, item in _pairs(value, _JSON):
        if not isinstance(key, str):
            raise WrongAnswerError(f"{type(value).__name__} with the key {key!r:.60}", _JSON)
        try:
            found[_typed(key)] = _json_value(item, _DEEPEST)
        except WrongAnswerError as error:
            raise WrongAnswerError(f"{type(value).__name__} with {error.found} in {key!r:.60}", _JSON) from error
    return found


def _json_value(value: Any, levels: int) -> Any:
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return _typed(value)
    if isinstance(value, int):
        if value.bit_length() > _LONGEST_IN_JSON:
            raise WrongAnswerError("a number beyond all others", _JSON)
        return int.__int__(value)
    if isinstance(value, float):
        number = float.__float__(value)
        if not isfinite(number):
            raise WrongAnswerError(f"{number}", _JSON)
        return number
    if not isinstance(value, list | tuple | dict):
        raise _wrong(value, _JSON)
    if not levels:  # JSON can be nested deeper, but whatever reads it may have less of a stack left
        raise WrongAnswerError(f"more than {_DEEPEST} levels", _JSON)
    if not isinstance(value, dict):
        return [_json_value(item, levels - 1) for item in value]
    return {_typed(key): _json_value(item, levels - 1) for key, item in value.items()}


def _pairs(value: Any, expected: str) -> Iterator[tuple[Any, Any]]:
    if not isinstance(value, Mapping):
        raise _wrong(value, expected)
    yield from value.items()


def _mapping(value: Any) -> dict[Any, Any]:
    """Take answers for many; the host leaves out those that it can do nothing with."""
    return dict(_pairs(value, "mapping"))


def _several(check: _Check, name: str) -> _Check:
    def check_all(value: Any) -> list[Any]:
        if isinstance(value, str | bytes) or not isinstance(value, Sequence):
            raise _wrong(value, f"sequence of {name}")
        return [check(item) for item in value]

    return check_all


def _or_none(check: _Check) -> _Check:
    def check_unless_none(value: Any) -> Any:
        if value is None:
            return None
        try:
            return check(value)
        except WrongAnswerError as error:
            if error.found == type(value).__name__:  # it is the value itself, and nothing in it
                raise _wrong(value, f"{error.expected} or None") from error
            raise

    return check_unless_none


def _member(kind: type[Enum]) -> _Check:
    def check(value: Any) -> Any:
        if type(value) is not kind:
            raise _wrong(value, kind.__name__)
        return value

    return check


def _seen(value: Any) -> PromptState:
    """Take how far an agent says that a prompt got: it can only tell of what it has."""
    state: PromptState = _member(PromptState)(value)
    if state not in _TOLD:
        raise WrongAnswerError(f"PromptState.{state.name}", "QUEUED, ACCEPTED, DURABLE or None")
    return state


def _record(kind: Any) -> _Check:
    def check(value: Any) -> Any:
        if not isinstance(value, kind):
            raise _wrong(value, kind.__name__)
        plain = []
        for name, check_field in _fields(kind):
            try:
                plain.append(check_field(getattr(value, name)))
            except WrongAnswerError as error:
                raise WrongAnswerError(f"{error.found} as {kind.__name__}.{name}", error.expected) from error
        return kind._make(plain)

    return check


_lines: Final = _several(_said, "str")

_BY_ANNOTATION: Final[Mapping[Any, _Check]] = {
    str: _kept,
    str | None: _or_none(_kept),
    int: _number,
    int | None: _or_none(_number),
    bool: _flag,
    datetime: _moment,
    Path: _path,
    Evidence: _member(Evidence),
    tuple[str, ...]: lambda value: tuple(_lines(value)),
}


@cache
def _fields(kind: Any) -> list[tuple[str, _Check]]:
    """Return what a record's fields must be, which their annotations say."""
    fields = {name: _BY_ANNOTATION[annotation] for name, annotation in kind.__annotations__.items()}
    fields |= dict.fromkeys(_SAID & {name for name, check in fields.items() if check is _kept}, _said)
    if kind in {Conversation, DiscoveredConversation}:
        fields["id"] = _id
    if kind is DiscoveredRuntime:  # a runtime whose handle cannot be kept has to be found to be ended
        fields["handle"] = _plain
    return list(fields.items())


_argv: Final = _several(_argument, "str")

CHECKS: Final[Mapping[str, _Check]] = {
    "runtime_creating": _nothing,
    "runtime_create": _kept,
    "runtime_is_alive": _flag,
    "runtime_send_message": _nothing,
    "runtime_destroy": _nothing,
    "runtime_get_output": _said,
    "runtime_end": _said,
    "runtime_submit": _nothing,
    "runtime_attach_command": _argv,
    "runtime_list_alive": _mapping,
    "runtime_describe": _mapping,
    "runtime_options": _json_values,
    "runtime_discover": _several(_record(DiscoveredRuntime), "DiscoveredRuntime"),
    "runtime_adopt": _or_none(_kept),
    "agent_launch_command": _argv,
    "agent_restore_command": _or_none(_argv),
    "agent_environment": _variables,
    "agent_initial_prompt": _typed,
    "agent_detect_activity": _or_none(_member(ActivityState)),
    "agent_find_conversation": _or_none(_record(Conversation)),
    "agent_prepare": _or_none(_json_values),
    "agent_prompt_arguments": _or_none(_argv),
    "agent_starting": _nothing,
    "agent_has_started": _or_none(_flag),
    "agent_explain_screen": _or_none(_said),
    "agent_holder": _or_none(_said),
    "agent_prompt_state": _or_none(_seen),
    "agent_is_ready": _or_none(_flag),
    "agent_message": _typed,
    "agent_holds_input": _or_none(_flag),
    "agent_discover": _several(_record(DiscoveredConversation), "DiscoveredConversation"),
    "workspace_create": _path,
    "workspace_exists": _flag,
    "workspace_destroy": _nothing,
    "workspace_restore": _path,
    "workspace_has_branch": _flag,
    "workspace_describe": _said,
    "workspace_discover": _several(_record(DiscoveredWorkspace), "DiscoveredWorkspace"),
    "workspace_snapshot": _or_none(_record(Snapshot)),
    "workspace_snapshots": _several(_record(Snapshot), "Snapshot"),
    "workspace_restore_snapshot": _lines,
    "workspace_drop_snapshot": _nothing,
    "session_restoring": _silence,
    "session_restored": _silence,
    "session_restore_failed": _silence,
    "session_removed": _silence,
    "session_status_changed": _silence,
    "plugin_configure": _nothing,
    "plugin_scratch_settings": _json_values,
    "plugin_available": _or_none(_said),
    "plugin_diagnose": _several(_record(Diagnosis), "Diagnosis"),
}
"""What each hook may return, see :mod:`rouser.hookspecs`."""
