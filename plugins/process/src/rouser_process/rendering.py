"""Turn what a program printed into the lines that a terminal would show, without a terminal.

What moves the cursor or erases is carried out, for programs that draw their screen over and over; colours, titles and
what a program asks of the terminal are left out. Sequences are those of ECMA-48 and of xterm's "Control Sequences".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from rouser_process.screen import Screen

_SEQUENCE: Final = re.compile(
    r"\x1b\[(?P<parameters>[0-?]*)[ -/]*(?:(?P<final>[@-~])|\Z)"
    r"|\x1b[\]PX^_][^\x1b\x07]*(?:\x07|\x1b\\|\Z)"  # titles, links and the like
    r"|\x1b[ -/]*(?P<escape>[0-~])"
    r"|(?P<control>[\x00-\x1f\x7f-\x9f])"
    r"|(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
)
_LARGEST: Final = 9999
_OTHER_SCREEN: Final = frozenset({"1049", "1047", "47"})

_CONTROLS: Final[dict[str, Callable[[Screen], None]]] = {
    "\n": Screen.feed_line,
    "\x0b": Screen.feed_line,
    "\x0c": Screen.feed_line,
    "\r": lambda screen: screen.move(screen.row, 0),
    "\b": lambda screen: screen.move_by(0, -1),
    "\t": Screen.tabulate,
}
_ESCAPES: Final[dict[str, Callable[[Screen], None]]] = {
    "7": Screen.save_cursor,
    "8": Screen.restore_cursor,
    "D": Screen.feed_line,
    "M": Screen.feed_line_back,
}
# With the first two parameters, 0 where there is none; of most, 0 means 1.
_FUNCTIONS: Final[dict[str, Callable[[Screen, int, int], None]]] = {
    "A": lambda screen, n, _: screen.move_by(-max(1, n), 0),
    "B": lambda screen, n, _: screen.move_by(max(1, n), 0),
    "C": lambda screen, n, _: screen.move_by(0, max(1, n)),
    "D": lambda screen, n, _: screen.move_by(0, -max(1, n)),
    "E": lambda screen, n, _: screen.move(screen.row + max(1, n), 0),
    "F": lambda screen, n, _: screen.move(screen.row - max(1, n), 0),
    "G": lambda screen, n, _: screen.move(screen.row, n - 1),
    "`": lambda screen, n, _: screen.move(screen.row, n - 1),
    "d": lambda screen, n, _: screen.move(n - 1, screen.column),
    "H": lambda screen, n, m: screen.move(n - 1, m - 1),
    "f": lambda screen, n, m: screen.move(n - 1, m - 1),
    "J": lambda screen, n, _: _erase(screen, n, rows=True),
    "K": lambda screen, n, _: _erase(screen, n, rows=False),
    "L": lambda screen, n, _: screen.insert_lines(max(1, n)),
    "M": lambda screen, n, _: screen.delete_lines(max(1, n)),
    "@": lambda screen, n, _: screen.insert_cells(max(1, n)),
    "P": lambda screen, n, _: screen.delete_cells(max(1, n)),
    "X": lambda screen, n, _: screen.blank_cells(max(1, n)),
    "S": lambda screen, n, _: screen.scroll_up(max(1, n)),
    "T": lambda screen, n, _: screen.scroll_down(max(1, n)),
    "r": lambda screen, n, m: screen.set_region(max(1, n) - 1, (m or screen.rows) - 1),
    "s": lambda screen, *_: screen.save_cursor(),
    "u": lambda screen, *_: screen.restore_cursor(),
}


def render(printed: str, *, rows: int, columns: int, count: int) -> list[str]:
    """Return the last ``count`` lines that a terminal of this size shows or has shown, oldest first."""
    screen = Screen(rows, columns, count)
    for match in _SEQUENCE.finditer(printed):
        if match["text"]:
            screen.write(match["text"])
        elif match["control"] in _CONTROLS:
            _CONTROLS[match["control"]](screen)
        elif match["escape"] in _ESCAPES:
            _ESCAPES[match["escape"]](screen)
        elif match["final"]:
            _carry_out(screen, match["parameters"], match["final"])
    return screen.texts()[-count:]


def _carry_out(screen: Screen, parameters: str, final: str) -> None:
    if parameters[:1] == "?" and not _OTHER_SCREEN.isdisjoint(parameters[1:].split(";")):
        if final == "h":
            screen.show_other()
        elif final == "l":
            screen.show_usual()
    elif final in _FUNCTIONS and not parameters.startswith(("?", ">", "<", "=")):
        numbers = [min(_LARGEST, int(part)) if part.isdecimal() else 0 for part in parameters.split(";")]
        _FUNCTIONS[final](screen, numbers[0], numbers[1] if len(numbers) > 1 else 0)


def _erase(screen: Screen, which: int, *, rows: bool) -> None:
    if which == 0:
        screen.erase_after(rows=rows)
    elif which == 1:
        screen.erase_before(rows=rows)
    else:
        screen.erase(rows=rows)
