"""How a prompt gets to the client: as an argument wherever one can carry it, as it is wherever that is safe."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

from rouser import PromptFile, Session, state_directory

# Byte for byte up to here; Linux takes 131,072 bytes in one argument (MAX_ARG_STRLEN, execve(2)).
LONGEST_ARGUMENT: Final = 131_000

# What is pasted into the client's terminal gets there whole up to here and beyond.
LONGEST_MESSAGE: Final = 20_000

_PREFACE: Final = "The task, word for word:\n\n"

# What a terminal must not get, and what the client's input box would turn into something else.
_NOT_TYPED: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")

# With one of these before the cursor the client offers a completion, which Enter would take.
_COMPLETED: Final = re.compile(r"(?:\A|\s)[@$]\S*\Z")


def arguments(session: Session, prompt: str) -> list[str]:
    """Return the argv tail that carries ``prompt``, or that names the file which :func:`keep` writes for it."""
    return ["--", _argument(prompt) if _fits(prompt) else _file_of(session, prompt).pointer]


def keep(session: Session, prompt: str) -> None:
    """Write ``prompt`` to its private file if no argument can carry it.

    :raises HookError: the file cannot be written.
    """
    if not _fits(prompt):
        _file_of(session, prompt).write()


def typed(session: Session, message: str) -> str:
    """Return what to type into the client so that it reads ``message``, as it is or from a private file.

    :raises HookError: the file cannot be written.
    """
    if len(message) > LONGEST_MESSAGE or _NOT_TYPED.search(message):
        return _file_of(session, message).write()
    text = _PREFACE + message if message.lstrip().startswith(("/", "!")) else message
    return f"{text} " if _COMPLETED.search(text) else text


def is_sent_as(session: Session, prompt: str, text: str) -> bool:
    """Return whether ``text`` is what the client was given for ``prompt``, as an argument or typed.

    The client cuts blanks off both ends.
    """
    if _file_of(session, prompt).is_pointed_to_by(text):
        return True
    plain = _plain(text)
    return plain == _plain(prompt) or plain == _plain(_PREFACE + prompt)


def forget(session: Session) -> None:
    """Remove what was kept for the session, best effort."""
    shutil.rmtree(_directory_of(session), ignore_errors=True)


def _directory_of(session: Session) -> Path:
    return state_directory() / "codex" / session.id


def _file_of(session: Session, prompt: str) -> PromptFile:
    return PromptFile(_directory_of(session), prompt)


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _fits(prompt: str) -> bool:
    return len(_encode(_argument(prompt))) <= LONGEST_ARGUMENT and "\0" not in prompt


def _argument(prompt: str) -> str:
    # The client gives what begins with an exclamation mark to a shell, also from its command line.
    return _PREFACE + prompt if prompt.lstrip().startswith("!") else prompt


def _encode(prompt: str) -> bytes:
    return prompt.encode(errors="surrogateescape")
