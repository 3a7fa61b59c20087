"""What the client's screen shows: a question or an error that keeps it from working, and the input box.

The words were read from the screens of opencode 1.18.33. A screen that is not known says nothing.
"""

from __future__ import annotations

import re
from typing import Final

from rouser import Session

_ASKS: Final = "△ Permission required"
_UNKNOWN: Final = "Error: Session not found"

# The end of the input box of a conversation, in the second column. The box of the first page stands further in: what is
# typed there begins another conversation.
_END: Final = re.compile(r"  ╹▀+")
_SIDE: Final = "  ┃"
_FOOTER: Final = "ctrl+p commands"
_BUSY: Final = ("esc interrupt", "esc again to interrupt")
_PASTED: Final = re.compile(r"\[Pasted ~\d+ lines\]\Z")

# The box ends in a blank line, and in one that names the model.
_BELOW: Final = 2


def explain(session: Session, output: str) -> str | None:
    """Return what keeps the client from working and what to do about it; None when nothing is recognised."""
    if input_box(output) is not None:
        return None
    if _ASKS in output:
        return f"it asks for a permission; answer it there: rouser attach {session.short_id}"
    if _UNKNOWN in output:
        return "it does not know the conversation"
    return None


def is_at_rest(output: str) -> bool:
    """Return whether the input box is there and empty, and nothing is being done."""
    return input_box(output) == "" and not any(words in output.rstrip().splitlines()[-1] for words in _BUSY)


def input_box(output: str) -> str | None:
    """Return what stands in the input box, empty when nothing does; None when there is none on the screen."""
    lines = output.rstrip().splitlines()
    end = _END.match(lines[-2]) if len(lines) > 1 else None
    if end is None or _FOOTER not in lines[-1]:
        return None
    box: list[str] = []
    for line in reversed(lines[:-2]):
        if not line.startswith(_SIDE):
            break
        box.insert(0, line[len(_SIDE) : end.end()].strip())  # what stands beside it is the client's sidebar
    if len(box) < _BELOW or not box[-1]:
        return None
    return "\n".join(box[:-_BELOW]).strip()


def holds(output: str, text: str) -> bool:
    """Return whether ``text``, and nothing else, stands in the input box; long text shows as a mark there."""
    box = input_box(output)
    if not box:
        return False
    return _PASTED.match(box) is not None or _squeezed(text) == _squeezed(box)


def _squeezed(text: str) -> str:
    return "".join(text.split())
