"""What the client's screen shows: a dialog or an error that keeps it from working, and the input box.

The words were read from the screens of Claude Code 2.1.330. A screen that is not known says nothing.
"""

from __future__ import annotations

import re
from typing import Final

from rouser import Session

# What the screen shows in place of the input box, what that means, and whether attaching is the remedy.
_KNOWN: Final = (
    ("Is this a project you created or one you trust?", "it asks whether to trust the directory", True),
    ("Do you want to use this API key?", "it asks whether to use the API key of the environment", True),
    ("In Bypass Permissions mode, Claude Code will not ask", "it asks whether to run without permissions", True),
    ("Resume full session as-is", "it asks whether to resume from a summary", True),
    ("Files with errors are skipped entirely", "it has found errors in its settings", True),
    ("Choose the text style that looks best", "it was never set up for this user", True),
    ("Select login method", "nobody is logged in", True),
    ("No conversation found with session ID", "it does not know the conversation", False),
    ("is already in use", "it says that the conversation's id is in use", False),
    ("Unable to connect to Anthropic services", "it cannot reach its service", False),
)
_LOGIN: Final = re.compile(r"Not logged in · (?:Please )?[Rr]un /login")

# How far above the end of the screen the input box ends, at most.
_FOOT: Final = 8
_RULE: Final = re.compile(r"^─{10,}")
_PROMPT: Final = "\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT}"
_PASTED: Final = "[Pasted text #"


def explain(session: Session, output: str) -> str | None:
    """Return what keeps the client from working and what to do about it; None when nothing is recognised."""
    attach = f"rouser attach {session.short_id}"
    if input_box(output) is not None:
        is_out = any(_LOGIN.search(line) for line in output.splitlines()[-2 * _FOOT :])
        return f"nobody is logged in; log in there with /login: {attach}" if is_out else None
    for words, meaning, can_be_answered in _KNOWN:
        if words in output:
            return f"{meaning}; answer it there: {attach}" if can_be_answered else meaning
    return None


def input_box(output: str) -> str | None:
    """Return what stands in the input box; None when there is none on the screen.

    What the client itself shows in an empty box, such as an example, cannot be told from typed text.
    """
    lines = output.rstrip().splitlines()
    rules = [number for number, line in enumerate(lines) if _RULE.match(line)]
    if len(rules) < 2 or len(lines) - rules[-1] > _FOOT:  # noqa: PLR2004 - one above, one below
        return None
    box = lines[rules[-2] + 1 : rules[-1]]
    if not box or not box[0].startswith(_PROMPT):
        return None
    return "\n".join([box[0][1:].strip(), *(line.strip() for line in box[1:])]).strip()


def holds(output: str, text: str) -> bool:
    """Return whether ``text``, and nothing before it, stands in the input box; long text shows as a mark there."""
    box = input_box(output)
    if not box:
        return False
    if box.startswith(_PASTED):
        return "\n" not in box
    return _squeezed(text) == _squeezed(box)


def _squeezed(text: str) -> str:
    return "".join(text.split())
