"""What people see of an agent's terminal, while it runs and afterwards."""

from __future__ import annotations

import json
import time
from typing import Final

from rouser import HookError, time_left
from rouser_process.handle import Handle
from rouser_process.protocol import COLUMNS, ENDED, ROWS, SIZE
from rouser_process.recording import recorded
from rouser_process.rendering import render

_BYTES_PER_LINE: Final = 2048  # of programs that draw their screen over and over, many times what they show
_LEAST: Final = 256 * 1024

# How long a supervisor may take to write down the last words of an agent that has ended.
_LAST_WORDS_SECONDS: Final = 1.0
_PAUSE: Final = 0.005


def last_lines(handle: Handle, count: int) -> str:
    """Return the last lines that the agent's terminal shows or has shown, without blank ones at the end.

    :raises HookError: nothing is kept of it.
    """
    _await_last_words(handle)
    try:
        data = recorded(handle.place)
    except OSError as error:
        raise HookError(f"the output of {handle.name} is gone: {error.strerror}") from error
    start = max(0, len(data) - max(_LEAST, count * _BYTES_PER_LINE))
    if start:
        start = data.find(b"\n", start) + 1
    rows, columns = _size(handle)
    return "\n".join(render(data[start:].decode(errors="replace"), rows=rows, columns=columns, count=count))


def _await_last_words(handle: Handle) -> None:
    """Wait, not for long, while an agent has ended and its supervisor has yet to read what it printed then."""
    give_up = time.monotonic() + min(_LAST_WORDS_SECONDS, time_left() / 2)
    while not handle.agent.runs() and handle.supervisor.runs() and not (handle.place / ENDED).exists():
        if time.monotonic() > give_up:
            return
        time.sleep(_PAUSE)


def _size(handle: Handle) -> tuple[int, int]:
    try:
        fields = json.loads((handle.place / SIZE).read_bytes())
        return max(1, int(fields["rows"])), max(1, int(fields["columns"]))
    except (OSError, ValueError, KeyError, TypeError):
        return ROWS, COLUMNS
