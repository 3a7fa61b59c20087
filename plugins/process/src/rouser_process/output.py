"""What people see of an agent's terminal, while it runs and afterwards."""

from __future__ import annotations

import json
from typing import Final

from rouser import HookError
from rouser_process.handle import Handle
from rouser_process.protocol import COLUMNS, ROWS, SIZE
from rouser_process.recording import recorded
from rouser_process.rendering import render

_BYTES_PER_LINE: Final = 2048  # of programs that draw their screen over and over, many times what they show
_LEAST: Final = 256 * 1024


def last_lines(handle: Handle, count: int) -> str:
    """Return the last lines that the agent's terminal shows or has shown, without blank ones at the end.

    :raises HookError: nothing is kept of it.
    """
    try:
        data = recorded(handle.place)
    except OSError as error:
        raise HookError(f"the output of {handle.name} is gone: {error.strerror}") from error
    start = max(0, len(data) - max(_LEAST, count * _BYTES_PER_LINE))
    if start:
        start = data.find(b"\n", start) + 1
    rows, columns = _size(handle)
    return "\n".join(render(data[start:].decode(errors="replace"), rows=rows, columns=columns, count=count))


def _size(handle: Handle) -> tuple[int, int]:
    try:
        fields = json.loads((handle.place / SIZE).read_bytes())
        return max(1, int(fields["rows"])), max(1, int(fields["columns"]))
    except (OSError, ValueError, KeyError, TypeError):
        return ROWS, COLUMNS
