"""The lines of a terminal's screen and those that have left it at the top, and what can be done to them."""

from __future__ import annotations

import unicodedata
from collections import deque
from typing import Final

_TAB: Final = 8
_JOINING: Final = frozenset("\u200d\ufe0e\ufe0f")


class Screen:
    """A screen of some size, and a cursor on it.

    A line is a list of cells, as long as it needs to be; the cell behind that of a wide character is empty.

    :param history: how many lines that have left the screen are kept.
    :ivar row: where the cursor is, from 0.
    :ivar column: from 0; the number of columns when a line was just filled.
    """

    def __init__(self, rows: int, columns: int, history: int) -> None:
        self.row = self.column = 0
        self.rows, self._columns = rows, columns
        self._history: deque[list[str]] = deque(maxlen=history)
        self._lines: list[list[str]] = [[] for _ in range(rows)]
        self._top, self._bottom = 0, rows - 1
        self._saved = (0, 0)
        self._other: list[list[str]] | None = None

    def texts(self) -> list[str]:
        """Return the lines, oldest first, without blanks at their ends and without blank lines at the bottom."""
        lines = [*self._history, *(self._other or ()), *self._lines]
        texts = ["".join(line).rstrip() for line in lines]
        while texts and not texts[-1]:
            texts.pop()
        return texts

    def write(self, text: str) -> None:
        """Write printable text, from one line on to the next when one is full."""
        while text:
            if self.column >= self._columns:
                self.column = 0
                self.feed_line()
            room = self._columns - self.column
            cells, taken = (list(text[:room]), room) if text.isascii() else _cells(text, room)
            if not taken and room == self._columns:
                text = text[1:]  # it is wider than the whole screen
                continue
            line = self._lines[self.row]
            line += " " * (self.column - len(line))
            end = self.column + len(cells)
            if cells and self.column < len(line) and not line[self.column]:
                line[self.column - 1] = " "  # half of a wide character is none
            if end < len(line) and not line[end]:
                line[end] = " "
            line[self.column : end] = cells
            self.column = self._columns if taken < len(text) else self.column + len(cells)
            text = text[taken:]

    def move(self, row: int, column: int) -> None:
        """Put the cursor there, or as near as the screen allows."""
        self.row = max(0, min(row, self.rows - 1))
        self.column = max(0, min(column, self._columns - 1))

    def move_by(self, rows: int, columns: int) -> None:
        """Move the cursor by so much, down and to the right, or as far as the screen allows."""
        self.move(self.row + rows, min(self.column, self._columns - 1) + columns)

    def tabulate(self) -> None:
        """Move the cursor to the next tab stop."""
        self.move(self.row, (self.column // _TAB + 1) * _TAB)

    def feed_line(self) -> None:
        """Move the cursor down; at the bottom, move the lines up."""
        if self.row == self._bottom:
            self.scroll_up(1)
        elif self.row < self.rows - 1:
            self.row += 1

    def feed_line_back(self) -> None:
        """Move the cursor up; at the top, move the lines down."""
        if self.row == self._top:
            self.scroll_down(1)
        elif self.row:
            self.row -= 1

    def scroll_up(self, count: int) -> None:
        """Move the lines of the scrolling region up, blank ones coming in."""
        for _ in range(min(count, self.rows)):
            gone = self._lines.pop(self._top)
            if self._top == 0 and self._other is None:
                self._history.append(gone)
            self._lines.insert(self._bottom, [])

    def scroll_down(self, count: int) -> None:
        """Move the lines of the scrolling region down, blank ones coming in."""
        for _ in range(min(count, self.rows)):
            self._lines.pop(self._bottom)
            self._lines.insert(self._top, [])

    def insert_lines(self, count: int) -> None:
        """Make room for lines at the cursor, within the scrolling region."""
        if self._top <= self.row <= self._bottom:
            for _ in range(min(count, self.rows)):
                self._lines.pop(self._bottom)
                self._lines.insert(self.row, [])

    def delete_lines(self, count: int) -> None:
        """Remove lines from the cursor on, within the scrolling region."""
        if self._top <= self.row <= self._bottom:
            for _ in range(min(count, self.rows)):
                self._lines.pop(self.row)
                self._lines.insert(self._bottom, [])

    def set_region(self, top: int, bottom: int) -> None:
        """Let only the lines from ``top`` to ``bottom``, that one included, be scrolled."""
        if 0 <= top < bottom < self.rows:
            self._top, self._bottom = top, bottom
            self.move(0, 0)

    def insert_cells(self, count: int) -> None:
        """Make room for characters at the cursor."""
        line = self._lines[self.row]
        if self.column < len(line):
            line[self.column : self.column] = " " * min(count, self._columns)
            del line[self._columns :]

    def delete_cells(self, count: int) -> None:
        """Remove characters from the cursor on."""
        del self._lines[self.row][self.column : self.column + count]

    def blank_cells(self, count: int) -> None:
        """Blank characters from the cursor on."""
        line = self._lines[self.row]
        line[self.column : self.column + count] = " " * len(line[self.column : self.column + count])

    def erase_before(self, *, rows: bool) -> None:
        """Blank the line up to the cursor, and with ``rows`` all above it."""
        line = self._lines[self.row]
        line[: self.column + 1] = " " * len(line[: self.column + 1])
        if rows:
            self._lines[: self.row] = [[] for _ in range(self.row)]

    def erase_after(self, *, rows: bool) -> None:
        """Blank the line from the cursor on, and with ``rows`` all below it."""
        del self._lines[self.row][self.column :]
        if rows:
            self._lines[self.row + 1 :] = [[] for _ in range(self.row + 1, self.rows)]

    def erase(self, *, rows: bool) -> None:
        """Blank the line, or with ``rows`` the screen."""
        for row in range(self.rows) if rows else [self.row]:
            self._lines[row] = []

    def save_cursor(self) -> None:
        """Remember where the cursor is."""
        self._saved = (self.row, self.column)

    def restore_cursor(self) -> None:
        """Put the cursor where it was."""
        self.move(*self._saved)

    def show_other(self) -> None:
        """Show the other screen, as editors do while they run."""
        if self._other is None:
            self._other, self._lines = self._lines, [[] for _ in range(self.rows)]
            self.save_cursor()

    def show_usual(self) -> None:
        """Show the usual screen again; what the other one showed is forgotten."""
        if self._other is not None:
            self._lines, self._other = self._other, None
            self.restore_cursor()


def _cells(text: str, room: int) -> tuple[list[str], int]:
    """Return the cells of as many characters as there is room for, and how many characters that are."""
    cells: list[str] = []
    for taken, char in enumerate(text):
        if unicodedata.combining(char) or char in _JOINING:
            if cells:  # it goes with the one before it, whose second cell is empty
                cells[-1 if cells[-1] else -2] += char
            continue
        is_wide = unicodedata.east_asian_width(char) in "WF"
        if len(cells) + 1 + is_wide > room:
            return cells, taken
        cells += [char, ""] if is_wide else [char]
    return cells, len(text)
