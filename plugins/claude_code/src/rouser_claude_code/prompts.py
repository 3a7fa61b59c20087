"""How a prompt gets to the client: as an argument wherever one can carry it, as it is wherever that is safe."""

from __future__ import annotations

import re
from typing import Final

from rouser import PromptFile, Session
from rouser_claude_code import evidence, transcripts

# Byte for byte up to here; Linux takes 131,072 bytes in one argument (MAX_ARG_STRLEN, execve(2)).
LONGEST_ARGUMENT: Final = 131_000

# What is pasted into the client's terminal gets there whole, and at once, up to here and far beyond.
LONGEST_MESSAGE: Final = 20_000

_PREFACE: Final = "The task, word for word:\n\n"

# The client cuts whole escape sequences out of its argument, and reads \r\n as \n. A NUL ends an argument.
_NOT_AN_ARGUMENT: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)")

# The client turns a pasted tab into blanks, and takes a backslash before Enter for a line that goes on. What a
# terminal must not get, it would not get either.
_NOT_TYPED: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]|\\\s*\Z")


def arguments(session: Session, prompt: str) -> list[str]:
    """Return the argv tail that carries ``prompt``, or that names the file which :func:`keep` writes for it."""
    return ["--", _as_text(prompt) if _fits(prompt) else _file_of(session, prompt).pointer]


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
    if len(message) <= LONGEST_MESSAGE and not _NOT_TYPED.search(message):
        return _as_text(message)
    return _file_of(session, message).write()


def is_sent_as(session: Session, prompt: str, text: str) -> bool:
    """Return whether ``text`` is what the client was given for ``prompt``, as an argument or typed."""
    return _file_of(session, prompt).is_pointed_to_by(text) or transcripts.is_same_text(_as_text(prompt), text)


def _file_of(session: Session, prompt: str) -> PromptFile:
    return PromptFile(evidence.directory_of(session) / "prompts", prompt)


def _fits(prompt: str) -> bool:
    return len(_encode(_as_text(prompt))) <= LONGEST_ARGUMENT and not _NOT_AN_ARGUMENT.search(prompt)


def _as_text(prompt: str) -> str:
    # The client runs a prompt that begins with a slash as its own command, blanks before it or not;
    # an exclamation mark runs a shell where it is typed.
    return _PREFACE + prompt if prompt.lstrip().startswith(("/", "!")) else prompt


def _encode(prompt: str) -> bytes:
    return prompt.encode(errors="surrogateescape")
