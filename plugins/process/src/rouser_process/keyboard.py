"""What is waiting to be typed: messages whole and in order, the keys of attached people between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

_PASTE: Final = (b"\x1b[200~", b"\x1b[201~")
_ENTER: Final = b"\r"


class Typed(Protocol):
    """Who wants to know that what they sent was typed."""

    def was_typed(self) -> None:
        """Be told that all of it was."""


class _Entry:
    """One piece of input, and how much of it is still to be typed."""

    __slots__ = ("author", "is_paste", "is_started", "rest")

    def __init__(self, data: bytes, author: Typed | None, *, is_paste: bool) -> None:
        self.rest = memoryview(data)
        self.author = author
        self.is_paste = is_paste
        self.is_started = False


class Keyboard:
    """Types into a terminal as fast as that takes it."""

    def __init__(self) -> None:
        self._waiting: deque[_Entry] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def press(self, keys: bytes) -> None:
        """Add keys as they are."""
        self._waiting.append(_Entry(keys, None, is_paste=False))

    def paste(self, text: bytes, author: Typed, *, bracketed: bool) -> None:
        """Add a message and the Enter that submits it.

        :param bracketed: whether the program asked to be told what is pasted (``CSI ? 2004 h`` of xterm).
        """
        begin, end = _PASTE if bracketed else (b"", b"")
        self._waiting.append(_Entry(begin + text + end + _ENTER, author, is_paste=bracketed))

    def withdraw(self, author: Typed) -> None:
        """Type no more of what ``author`` sent, who has gone; a paste that was begun is ended, not submitted."""
        for entry in [entry for entry in self._waiting if entry.author is author]:
            if entry.is_started and entry.is_paste and len(entry.rest) > len(_ENTER):
                entry.rest = memoryview(_PASTE[1])
                entry.author = None
                entry.is_paste = False
            else:
                self._waiting.remove(entry)

    def type_into(self, write: Callable[[memoryview], int]) -> None:
        """Type as much as ``write`` takes now; it returns how many of the bytes that it is given it took."""
        while self._waiting:
            entry = self._waiting[0]
            taken = write(entry.rest)
            if not taken:
                return
            entry.is_started = True
            entry.rest = entry.rest[taken:]
            if not entry.rest:
                self._waiting.popleft()
                if entry.author is not None:
                    entry.author.was_typed()
