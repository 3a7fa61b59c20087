"""What the client's screen shows: a dialog or an error that keeps it from working, and the input box.

The words were read from the screens of Gemini CLI 0.61.0. A screen that is not known says nothing.
"""

from __future__ import annotations

import re
from typing import Final

from rouser import Session

# What the screen shows in place of the input box, what that means, and whether attaching is the remedy.
_KNOWN: Final = (
    ("Do you trust the files in this folder?", "it asks whether to trust the directory", True),
    ("Do you want to allow this read?", "it asks whether it may read a file", True),
    ("Error starting session:", "it cannot start the conversation", False),
    ("Error resuming session:", "it cannot resume the conversation", False),
)

# How far above the end of the screen the input box begins, at most.
_FOOT: Final = 30
_RULE: Final = re.compile(r"─{10,}\Z")
_MARK: Final = " > "
_FOOTER: Final = re.compile(r"\s*workspace \(/directory\)")
_EMPTY: Final = "Type your message or @path/to/file"
_PASTED: Final = re.compile(r"\[Pasted Text: .*\]\Z")
_BUSY: Final = "(esc to cancel"


def explain(session: Session, output: str) -> str | None:
    """Return what keeps the client from working and what to do about it; None when nothing is recognised."""
    if input_box(output) is not None:
        return None
    for words, meaning, can_be_answered in _KNOWN:
        if words in output:
            return f"{meaning}; answer it there: rouser attach {session.short_id}" if can_be_answered else meaning
    return None


def is_at_rest(output: str) -> bool:
    """Return whether the input box is there and nothing is being done."""
    lines = output.rstrip().splitlines()
    return input_box(output) is not None and not any(_BUSY in line for line in lines[-_FOOT:])


def input_box(output: str) -> str | None:
    """Return what stands in the input box, empty when nothing does; None when there is none on the screen."""
    lines = output.rstrip().splitlines()[-_FOOT:]
    rules = [number for number, line in enumerate(lines) if _RULE.match(line.strip())]
    below = lines[rules[-1] + 1 :] if rules else []
    marked = [number for number, line in enumerate(below) if line.startswith(_MARK)]
    footers = [number for number, line in enumerate(below) if _FOOTER.match(line)]
    if not marked or not footers or footers[-1] <= marked[0]:
        return None
    box = [below[marked[0]][len(_MARK) :], *below[marked[0] + 1 : footers[-1]]]
    text = "\n".join(line.strip() for line in box).strip()
    return "" if text == _EMPTY else text


def holds(output: str, text: str) -> bool:
    """Return whether ``text``, and nothing else, stands in the input box; long text shows as a mark there."""
    box = input_box(output)
    if not box:
        return False
    return _PASTED.match(box) is not None or _squeezed(text) == _squeezed(box)


def _squeezed(text: str) -> str:
    return "".join(text.split())
