"""How a prompt gets to the client: as an argument wherever one can carry it, as it is wherever that is safe."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from rouser import HookError, Session, state_directory

# Byte for byte up to here; Linux takes 131,072 bytes in one argument (MAX_ARG_STRLEN, execve(2)).
LONGEST_ARGUMENT: Final = 131_000

# What is pasted into the client's terminal gets there whole up to here and beyond.
LONGEST_MESSAGE: Final = 20_000

_PREFACE: Final = "The task, word for word:\n\n"
_POINTER: Final = "Your task is in a file, because it does not fit into a command line. Read all of it, then do it: "

# What a terminal must not get, and what the client's input box would turn into something else.
_NOT_TYPED: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")

# With one of these before the cursor the client offers a completion, which Enter would take.
_COMPLETED: Final = re.compile(r"(?:\A|\s)[@$]\S*\Z")


def arguments(session: Session, prompt: str) -> list[str]:
    """Return the argv tail that carries ``prompt``, or that names the file which :func:`keep` writes for it."""
    return ["--", _argument(prompt) if _fits(prompt) else _POINTER + str(file_of(session, prompt))]


def keep(session: Session, prompt: str) -> None:
    """Write ``prompt`` to its private file if no argument can carry it.

    :raises HookError: the file cannot be written.
    """
    if not _fits(prompt):
        _write(session, prompt)


def typed(session: Session, message: str) -> str:
    """Return what to type into the client so that it reads ``message``, as it is or from a private file.

    :raises HookError: the file cannot be written.
    """
    if len(message) > LONGEST_MESSAGE or _NOT_TYPED.search(message):
        return _POINTER + str(_write(session, message))
    text = _PREFACE + message if message.lstrip().startswith(("/", "!")) else message
    return f"{text} " if _COMPLETED.search(text) else text


def is_sent_as(session: Session, prompt: str, text: str) -> bool:
    """Return whether ``text`` is what the client was given for ``prompt``, as an argument or typed.

    The client cuts blanks off both ends.
    """
    if text.startswith(_POINTER):
        return text.rstrip().endswith(f"/{file_of(session, prompt).name}")
    plain = _plain(text)
    return plain == _plain(prompt) or plain == _plain(_PREFACE + prompt)


def file_of(session: Session, prompt: str) -> Path:
    """Return where a prompt is kept that cannot travel as it is; its name tells its text."""
    from hashlib import sha256  # few prompts are that long

    return _directory_of(session) / f"{sha256(_encode(prompt)).hexdigest()[:16]}.md"


def forget(session: Session) -> None:
    """Remove what was kept for the session, best effort."""
    shutil.rmtree(_directory_of(session), ignore_errors=True)


def _directory_of(session: Session) -> Path:
    return state_directory() / "codex" / session.id


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _fits(prompt: str) -> bool:
    return len(_encode(_argument(prompt))) <= LONGEST_ARGUMENT and "\0" not in prompt


def _argument(prompt: str) -> str:
    # The client gives what begins with an exclamation mark to a shell, also from its command line.
    return _PREFACE + prompt if prompt.lstrip().startswith("!") else prompt


def _encode(prompt: str) -> bytes:
    return prompt.encode(errors="surrogateescape")


def _write(session: Session, prompt: str) -> Path:
    path = file_of(session, prompt)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(_encode(prompt))
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise HookError(f"cannot write the prompt to {path}: {error.strerror}; make room for it there") from error
    return path
