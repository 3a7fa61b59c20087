"""Keep the last of what an agent printed, on disk, so that it outlives the agent and its supervisor."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Final

from rouser_process.protocol import OLDER_OUTPUT, OUTPUT

_SEGMENT: Final = 1024 * 1024
_RECENT: Final = 32 * 1024
_PASTE_MODE: Final = re.compile(rb"\x1b\[\?(?:\d+;)*2004(?:;\d+)*([hl])")
_LONGEST_MODE: Final = 64


class Recording:
    """Two files of 1 MiB at most: the newer one, which is written to, and the one before it.

    :param directory: where they are.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._recent = bytearray()
        self._size = 0
        self._descriptor = self._open()
        self.takes_pastes = False

    def add(self, data: bytes) -> None:
        """Append what the agent has printed; a full disk loses it, and does not hold the agent up."""
        with contextlib.suppress(OSError):
            os.write(self._descriptor, data)
        self._size += len(data)
        if self._size > _SEGMENT:
            self._turn_over()
        overlap = len(self._recent)
        self._recent += data
        for match in _PASTE_MODE.finditer(self._recent, max(0, overlap - _LONGEST_MODE)):
            self.takes_pastes = match[1] == b"h"
        del self._recent[:-_RECENT]

    def recent(self) -> bytes:
        """Return the last 32 KiB, from the beginning of a line if some came before."""
        if self._size > len(self._recent) or (self._directory / OLDER_OUTPUT).exists():
            return bytes(self._recent[self._recent.find(b"\n") + 1 :])
        return bytes(self._recent)

    def _open(self) -> int:
        return os.open(self._directory / OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)

    def _turn_over(self) -> None:
        with contextlib.suppress(OSError):
            (self._directory / OUTPUT).replace(self._directory / OLDER_OUTPUT)
            fresh = self._open()
            os.close(self._descriptor)
            self._descriptor, self._size = fresh, 0


def recorded(directory: Path) -> bytes:
    """Return what is kept of an agent's output, oldest first.

    :raises FileNotFoundError: nothing is kept.
    """
    with contextlib.suppress(FileNotFoundError):
        newer = (directory / OUTPUT).read_bytes()
        older = b""
        with contextlib.suppress(FileNotFoundError):
            older = (directory / OLDER_OUTPUT).read_bytes()
        return older + newer
    return (directory / OLDER_OUTPUT).read_bytes()  # between the two steps of turning over
