"""What commands write: JSON documents, tables, lines for people; nothing from a session can steer the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, TextIO

_stdout = 1
_stderr: TextIO | None = None
_GAP: Final = 2
_LEAST_WIDTH: Final = 12

# C0, DEL and C1; and what turns text around or ends a line, so that it reads as something that it is not.
_TURNING: Final = (0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
_CONTROL: Final = dict.fromkeys((*range(32), *range(127, 160), *_TURNING), "�")
_ON_ONE_LINE: Final = {**_CONTROL, 0x09: " ", 0x0A: " ", 0x0D: " "}
_ON_LINES: Final = {code: text for code, text in _CONTROL.items() if code not in {0x09, 0x0A}}


def reserve_stdout() -> None:
    """Keep the standard output for :func:`write_json`: whatever else is printed there goes to standard error.

    On the level of file descriptors, so that a plugin's ``print`` and the programs that it runs are caught too.
    """
    global _stdout  # noqa: PLW0603 - the process has one standard output
    if _stdout == 1:
        sys.stdout.flush()
        _stdout = os.dup(1)
        os.dup2(2, 1)


def keep_stderr() -> None:
    """Have :func:`say` write to what is standard error now, whatever a plugin puts in its place for a while."""
    global _stderr  # noqa: PLW0603 - as above
    _stderr = sys.stderr


def write_json(document: Any) -> None:
    """Write one JSON document and a newline to the standard output."""
    import json

    data = (json.dumps(document, indent=2) + "\n").encode()
    while data:
        data = data[os.write(_stdout, data) :]


def printable(text: str) -> str:
    """Return ``text`` on one line, with what steers terminals or turns text around replaced, and lone surrogates."""
    if text.isprintable():  # none of these is, and to look takes a fraction of the time
        return text
    return text.translate(_ON_ONE_LINE).encode("utf-8", "replace").decode()


def printable_lines(text: str) -> str:
    """Like :func:`printable`, but newlines and tabs stay."""
    return text.translate(_ON_LINES).encode("utf-8", "replace").decode()


def say(text: str) -> None:
    """Write a line for people to standard error."""
    tell(printable(text))


def tell(text: str) -> None:
    """Write lines to standard error as they are; what is done must not stop because nobody can read of it."""
    with suppress(OSError):
        _write(_stderr or sys.stderr, text)


def _write(stream: TextIO | None, text: str) -> None:
    """Write text and a newline; what the stream's encoding lacks is replaced. A stream that was closed is None."""
    if stream is None:
        return
    try:
        stream.write(f"{text}\n")
    except UnicodeEncodeError as error:
        stream.write(f"{text.encode(error.encoding, 'replace').decode(error.encoding)}\n")
    stream.flush()


def wants_colour() -> bool:
    """Return whether standard output is a terminal that wants colours and symbols."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, elastic: str) -> None:
    """Draw a table on standard output: fitted to a terminal, plain and uncut elsewhere.

    :param elastic: the header of the column that may be cut to fit.
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _draw(headers, cells, elastic)
        return
    widths = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (headers, *cells)
    )
    _write(sys.stdout, "\n".join(lines))


def _draw(headers: Sequence[str], cells: Sequence[Sequence[str]], elastic: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(no_color=not wants_colour(), highlight=False)
    widths = [max(len(header), *(len(row[index]) for row in cells)) for index, header in enumerate(headers)]
    stretch = headers.index(elastic)
    others = sum(widths) - widths[stretch] + _GAP * (len(headers) - 1)
    widths[stretch] = min(widths[stretch], max(console.width - others, _LEAST_WIDTH))
    # Where even that does not fit, the terminal wraps the line: rich would drop whole columns.
    console.width = max(console.width, others + widths[stretch])
    drawn = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold" if wants_colour() else "")
    for header, width in zip(headers, widths, strict=True):
        drawn.add_column(header, no_wrap=True, overflow="ellipsis", width=width)
    for row in cells:
        drawn.add_row(*(Text(cell) for cell in row))
    console.print(drawn)
