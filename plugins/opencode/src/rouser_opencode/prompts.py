"""How words get to the client: typed into its terminal wherever that is safe, else from a private file."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Final

from rouser import HookError, PromptFile, Session, state_directory

# What is pasted into the client's terminal gets there whole up to here and beyond.
LONGEST_MESSAGE: Final = 20_000

_PREFACE: Final = "The task, word for word:\n\n"

# What a terminal must not get.
_NOT_TYPED: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

# A last word at which the client offers to complete it, and takes Enter for that.
_COMPLETED: Final = re.compile(r"@\S*\Z")

# The client takes a pasted line that may be the path of a picture for the picture.
_PICTURE: Final = re.compile(r"[^\n]*\.(?i:avif|bmp|gif|jpe?g|pdf|png|svg|webp)['\"]?\s*\Z")


def typed(session: Session, message: str) -> str:
    """Return what to type into the client so that it reads ``message``, as it is or from a private file.

    :raises HookError: the file cannot be written.
    """
    if len(message) > LONGEST_MESSAGE or _NOT_TYPED.search(message):
        return _file_of(session, message).write()
    return _as_text(message)


def is_sent_as(session: Session, prompt: str, text: str) -> bool:
    """Return whether ``text`` is what was typed for ``prompt``, but for blanks at both ends."""
    return _file_of(session, prompt).is_pointed_to_by(text) or _as_text(prompt).strip() == text.strip()


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
    for directory in (directory_of(session), _readable_directory(session)):
        shutil.rmtree(directory, ignore_errors=True)


def directory_of(session: Session) -> Path:
    """Return the session's private directory, which may not be there yet."""
    return state_directory() / "opencode" / session.id


def _readable_directory(session: Session) -> Path:
    """Return a private directory from which the client reads without asking whether it may.

    Outside of the workspace, that is where it keeps long outputs of its own tools (seen with opencode 1.18.33).
    """
    data = os.environ.get("XDG_DATA_HOME")
    base = Path(data) if data else Path.home() / ".local" / "share"
    return base / "opencode" / "tool-output" / f"rouser-{session.id}"


def _file_of(session: Session, prompt: str) -> PromptFile:
    return PromptFile(_readable_directory(session), prompt)


def _as_text(message: str) -> str:
    # The client takes what begins with / for a command, and an exclamation mark that is typed first for a shell's.
    is_special = message.lstrip().startswith(("/", "!")) or _PICTURE.fullmatch(message)
    text = _PREFACE + message if is_special else message
    return f"{text} " if _COMPLETED.search(text) else text
