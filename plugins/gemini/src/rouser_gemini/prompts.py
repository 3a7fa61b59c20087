"""How a prompt gets to the client: as an argument wherever one can carry it, as it is wherever that is safe."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

from rouser import HookError, PromptFile, Session, state_directory

# Linux takes 131,072 bytes in one argument (MAX_ARG_STRLEN, execve(2)), the option's name among them.
LONGEST_ARGUMENT: Final = 131_000

# What is pasted into the client's terminal gets there whole up to here and beyond.
LONGEST_MESSAGE: Final = 20_000

_OPTION: Final = "--prompt-interactive="
_PREFACE: Final = "The task, word for word:\n\n"

# What a terminal must not get, what the client's input box would turn into something else, and a backslash before
# Enter, which means that the line goes on.
_NOT_TYPED: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]|\\\s*\Z")


def arguments(session: Session, prompt: str) -> list[str]:
    """Return the argv tail that carries ``prompt``, or that names the file which :func:`keep` writes for it."""
    return [_OPTION + (_as_text(prompt) if _fits(prompt) else _file_of(session, prompt).pointer)]


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
    if len(message) > LONGEST_MESSAGE or _NOT_TYPED.search(message) or "@" in message:
        return _file_of(session, message).write()
    return _as_text(message)


def is_sent_as(session: Session, prompt: str, text: str) -> bool:
    """Return whether ``text`` is what the client was given for ``prompt``, as an argument or typed.

    The client cuts blanks off both ends.
    """
    if _file_of(session, prompt).is_pointed_to_by(text):
        return True
    return _plain(text) == _plain(_as_text(prompt))


def begin(session: Session) -> None:
    """Make the session's private directory ready for a launch, and note when that was.

    :raises HookError: it cannot be written.
    """
    directory = directory_of(session)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        (directory / "launched").touch(mode=0o600)
    except OSError as error:
        raise HookError(f"cannot write to {directory}: {error.strerror}; make room for it there") from error


def launched_at(session: Session) -> float | None:
    """Return when the last launch was prepared, in seconds since the epoch; None when none was."""
    try:
        return (directory_of(session) / "launched").stat().st_mtime
    except OSError:
        return None


def forget(session: Session) -> None:
    """Remove what was kept for the session, best effort."""
    shutil.rmtree(directory_of(session), ignore_errors=True)


def directory_of(session: Session) -> Path:
    """Return the session's private directory, which may not be there yet."""
    return state_directory() / "gemini" / session.id


def _file_of(session: Session, prompt: str) -> PromptFile:
    return PromptFile(directory_of(session), prompt)


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _fits(prompt: str) -> bool:
    # The client takes what stands behind @ for a file, and puts that into the prompt or asks whether it may.
    return len(_encode(_as_text(prompt))) <= LONGEST_ARGUMENT and "\0" not in prompt and "@" not in prompt


def _as_text(prompt: str) -> str:
    bare = prompt.strip()
    is_command = bare.startswith(("/", "!", "?"))  # in its input box, the latter two change what it is
    is_quoted = len(bare) > 1 and bare[0] in "'\"`" and bare[0] == bare[-1]  # its option parser cuts such quotes off
    return _PREFACE + prompt if is_command or is_quoted else prompt


def _encode(prompt: str) -> bytes:
    return prompt.encode(errors="surrogateescape")
