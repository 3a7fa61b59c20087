"""What the supervisor and its clients say to each other over the socket in the runtime's directory.

A client opens with one line of JSON, the request, and gets one line of JSON back. ``send`` is followed by its
bytes. After ``attach``, the supervisor sends what the terminal shows, and the client sends frames: a letter, the
length of what follows in four bytes, and that.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, Final

SOCKET: Final = "socket"
RECORD: Final = "runtime.json"
ENDED: Final = "ended.json"
OUTPUT: Final = "output"
OLDER_OUTPUT: Final = "output.older"
SIZE: Final = "size.json"
LOG: Final = "supervisor.log"

KEYS: Final = b"k"
WINDOW: Final = b"w"
ROWS, COLUMNS = 40, 120
LONGEST_REQUEST: Final = 4096
LARGEST_MESSAGE: Final = 64 * 1024 * 1024
_HEADER: Final = struct.Struct("!cI")
_SIZE: Final = struct.Struct("!HH")
_LONGEST_FRAME: Final = 1024 * 1024


def line(fields: Mapping[str, Any]) -> bytes:
    """Return a request or an answer as the line that carries it."""
    return json.dumps(fields).encode() + b"\n"


def frame(kind: bytes, data: bytes) -> bytes:
    """Return a frame of an attached client."""
    return _HEADER.pack(kind, len(data)) + data


def window(rows: int, columns: int) -> bytes:
    """Return the frame that tells the size of the client's terminal."""
    return frame(WINDOW, _SIZE.pack(rows, columns))


def window_size(data: bytes) -> tuple[int, int]:
    """Return rows and columns of a frame of the kind ``WINDOW``, each 1 at least."""
    rows, columns = _SIZE.unpack(data)
    return max(1, rows), max(1, columns)


def take_frame(buffer: bytearray) -> tuple[bytes, bytes] | None:
    """Remove the first frame from ``buffer`` and return its kind and data; None when it is not all there.

    :raises ValueError: no client sends such a frame.
    """
    if len(buffer) < _HEADER.size:
        return None
    kind, length = _HEADER.unpack_from(buffer)
    if kind not in {KEYS, WINDOW} or length > _LONGEST_FRAME or (kind == WINDOW and length != _SIZE.size):
        raise ValueError(kind)
    end = _HEADER.size + length
    if len(buffer) < end:
        return None
    data = bytes(buffer[_HEADER.size : end])
    del buffer[:end]
    return kind, data
