"""How a prompt gets to the client: as an argument wherever one can carry it, as it is wherever that is safe."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from rouser import HookError, Session, state_directory
from rouser_claude_code import transcripts

# Byte for byte up to here; Linux takes 131,072 bytes in one argument (MAX_ARG_STRLEN, execve(2)).
LONGEST_ARGUMENT: Final = 131_000

_PREFACE: Final = "The task, word for word:\n\n"
_POINTER: Final = "Your task is in a file, because it does not fit into a command line. Read all of it, then do it: "


def arguments(session: Session, prompt: str) -> list[str]:
    """Return the argv tail that carries ``prompt``, having written it to a private file if it has to.

    The client asks before it reads outside of its directory, so reading that one file is allowed.

    :raises HookError: the file cannot be written.
    """
    if _fits(prompt):
        return ["--", _as_text(prompt)]
    path = file_of(session, prompt)
    _write(path, prompt)
    return ["--allowedTools", f"Read(/{path})", "--", _POINTER + str(path)]


def is_sent_as(session: Session, prompt: str, text: str) -> bool:
    """Return whether ``text`` is what :func:`arguments` makes of ``prompt``."""
    if _fits(prompt):
        return transcripts.is_same_text(_as_text(prompt), text)
    return text.startswith(_POINTER) and text.endswith(f"/{file_of(session, prompt).name}")


def file_of(session: Session, prompt: str) -> Path:
    """Return where a prompt is kept that no argument can carry; its name tells its text."""
    from hashlib import sha256  # few prompts are that long

    digest = sha256(_encode(prompt)).hexdigest()[:16]
    return state_directory() / "prompts" / f"{session.id}-{digest}.md"


def _fits(prompt: str) -> bool:
    return len(_encode(_as_text(prompt))) <= LONGEST_ARGUMENT and "\0" not in prompt


def _as_text(prompt: str) -> str:
    # The client runs a prompt that begins with a slash as its own command, blanks before it or not;
    # an exclamation mark runs a shell where it is typed.
    return _PREFACE + prompt if prompt.lstrip().startswith(("/", "!")) else prompt


def _encode(prompt: str) -> bytes:
    return prompt.encode(errors="surrogateescape")


def _write(path: Path, prompt: str) -> None:
    temporary = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        # Created private, and renamed when whole, so that nobody reads it and no crash leaves half of it.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_encode(prompt))
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise HookError(f"cannot write the prompt to {path}: {error.strerror}; make room for it there") from error
