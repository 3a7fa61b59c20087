"""What the client's screen shows: a dialog or an error that keeps it from working, and the input box.

The words were read from the screens of Codex 0.171.0. A screen that is not known says nothing.
"""

from __future__ import annotations

import re
from typing import Final

from rouser import Session

# What the screen shows in place of the input box, what that means, and whether attaching is the remedy.
_KNOWN: Final = (
    ("Trust this folder?", "it asks whether to trust the directory", True),
    ("Choose how you want to use Codex", "nobody is logged in", True),
    ("Would you like to run the following command?", "it asks whether it may run a command", True),
    ("Working directory · resume", "it asks in which directory to go on", True),
    ("This conversation is open in another app", "another process has the conversation open; end that one", False),
    ("No saved session found with ID", "it does not know the conversation", False),
    ("Ignoring --add-dir", "its sandbox is read-only, with which --add-dir cannot be used", False),
)

# How far above the end of the screen the input box ends, at most.
_FOOT: Final = 6
_MARK: Final = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
_CHOICE: Final = re.compile(_MARK + r" \d+\. ")
_EMPTY: Final = "Ask Codex to do anything"
_PASTED: Final = re.compile(r"\[Pasted Content \d+ chars\]\Z")


def explain(session: Session, output: str) -> str | None:
    """Return what keeps the client from working and what to do about it; None when nothing is recognised."""
    if input_box(output) is not None:
        return None
    for words, meaning, can_be_answered in _KNOWN:
        if words in output:
            return f"{meaning}; answer it there: rouser attach {session.short_id}" if can_be_answered else meaning
    return None


def input_box(output: str) -> str | None:
    """Return what stands in the input box, empty when nothing does; None when there is none on the screen."""
    lines = output.rstrip().splitlines()
    marked = [number for number, line in enumerate(lines) if line.startswith(_MARK)]
    if not marked or _CHOICE.match(lines[marked[-1]]):
        return None
    box = [lines[marked[-1]][1:].strip()]
    for line in lines[marked[-1] + 1 :]:
        if line.strip() and not line.startswith("  "):
            return None  # the mark stood before something said earlier
        box.append(line.strip())
    end = max((number for number, line in enumerate(box) if not line), default=len(box))
    if len(box) - end > _FOOT or end == len(box):
        return None
    text = "\n".join(box[:end]).strip()
    return "" if text == _EMPTY else text


def holds(output: str, text: str) -> bool:
    """Return whether ``text``, and nothing else, stands in the input box; long text shows as a mark there."""
    box = input_box(output)
    if not box:
        return False
    return _PASTED.match(box) is not None or _squeezed(text) == _squeezed(box)


def _squeezed(text: str) -> str:
    return "".join(text.split())
