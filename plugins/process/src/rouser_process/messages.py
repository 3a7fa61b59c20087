"""Type a message into an agent's terminal: whole, and then submit it."""

from __future__ import annotations

import re
from typing import Final

from rouser import HookError
from rouser_process.client import UnreachableError, request
from rouser_process.handle import Handle
from rouser_process.protocol import LARGEST_MESSAGE

# All of C0 but tab and newline, DEL and C1. One escape character would end a bracketed paste, and what follows
# it would be typed.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def send(handle: Handle, message: str) -> None:
    """Paste a message and a carriage return; return when the terminal has taken both.

    :raises HookError: it was not delivered, or only the beginning of it.
    """
    text = clean(message).encode(errors="replace")
    if not text.strip():
        raise HookError("the message is blank; say something")
    if len(text) > LARGEST_MESSAGE:
        raise HookError(f"the message has {len(text)} bytes, and {LARGEST_MESSAGE} are allowed; put it in a file")
    if not handle.agent.runs():
        raise HookError(f"the agent of {handle.name} has ended; restore it first")
    try:
        request(handle, {"do": "send", "size": len(text)}, text)
    except UnreachableError as error:
        raise HookError(f"the message was not typed: {error}") from error


def clean(message: str) -> str:
    """Return a message without control characters other than newline and tab."""
    return _CONTROL.sub("", message.replace("\r\n", "\n").replace("\r", "\n"))
