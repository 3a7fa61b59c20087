"""What is left to see on a terminal after lines were drawn again and again in place, as progress is."""

import re

_TOKEN = re.compile(r"\x1b\[[?0-9;]*[A-Za-z]|\n|[^\x1b\n]+|\x1b")
_CURSOR_UP, _ERASE_LINE = "\x1b[1A", "\x1b[2K"
_UNSEEN = ("\x1b[?25l", "\x1b[?25h")


def left_on_screen(written: str) -> str:
    """Return what was written to a terminal without what was erased there since, and without empty lines below it.

    Of control sequences it knows those that move up a line and that erase one; others stay as they are.
    """
    lines, row = [""], 0
    for token in _TOKEN.findall(written.replace("\r\n", "\n").replace("\r", "")):
        if token == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif token == _CURSOR_UP:
            row = max(row - 1, 0)
        elif token == _ERASE_LINE:
            lines[row] = ""
        elif token not in _UNSEEN:
            lines[row] += token
    return "\n".join(lines).rstrip("\n")
