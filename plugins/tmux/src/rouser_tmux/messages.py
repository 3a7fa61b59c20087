"""Type a message into an agent's pane: into that pane only, whole, and then submit it."""

from __future__ import annotations

import contextlib
import os
import re
from typing import Final

from rouser import HookError
from rouser_tmux.adoption import require_listening
from rouser_tmux.handle import Handle
from rouser_tmux.panes import find_one

# All of C0 but tab and newline, DEL and C1. One escape character would end a bracketed paste, and what follows
# it would be typed.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def send(handle: Handle, message: str) -> None:
    """Paste a message and a carriage return.

    Both go through paste buffers, as these reach their pane alone and at once, whereas keys go to other panes
    too when ``synchronize-panes`` is on, and to tmux itself when people are scrolling in the pane.

    :raises HookError: it was not delivered.
    """
    text = clean(message)
    if not text.strip():
        raise HookError("the message is blank; say something")
    pane = find_one(handle)
    if not pane.holds_agent:
        raise HookError(f"the agent in tmux session {handle.name} has ended; restore it first")
    require_listening(pane, handle)
    if pane.input_off:
        raise HookError(
            f"the pane of {handle.name} takes no input: enable it with"
            f" tmux -S {handle.socket} select-pane -e -t {pane.id}"
        )
    _paste(handle, pane.id, text)


def submit(handle: Handle) -> None:
    """Paste a carriage return, and nothing else.

    :raises HookError: the agent has ended, or the server does not answer.
    """
    pane = find_one(handle)
    if not pane.holds_agent:
        raise HookError(f"the agent in tmux session {handle.name} has ended; restore it first")
    name = f"rouser-{os.urandom(8).hex()}"
    handle.tmux.run(
        ["set-buffer", "-b", name, "\r"],
        ["paste-buffer", "-r", "-d", "-b", name, "-t", pane.id],
    )


def clean(message: str) -> str:
    """Return a message without control characters other than newline and tab."""
    return _CONTROL.sub("", message.replace("\r\n", "\n").replace("\r", "\n"))


def _paste(handle: Handle, pane: str, text: str) -> None:
    name = f"rouser-{os.urandom(8).hex()}"
    try:
        handle.tmux.run(*_commands(name, pane), stdin=text.encode(errors="replace"))
    except HookError:
        with contextlib.suppress(HookError):
            handle.tmux.run(["delete-buffer", "-b", name])
        raise


def _commands(name: str, pane: str) -> list[list[str]]:
    """Return what pastes standard input and a carriage return.

    If the client is killed while it hands over its input, the server goes on with the next command, finds nothing to
    paste, and leaves the rest. So that must come before anything else is made.
    """
    return [
        ["load-buffer", "-b", name, "-"],
        ["paste-buffer", "-p", "-r", "-d", "-b", name, "-t", pane],
        ["set-buffer", "-b", name, "\r"],
        ["paste-buffer", "-r", "-d", "-b", name, "-t", pane],
    ]
