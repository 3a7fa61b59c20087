"""What is under way, live below the lines of what is done, where there is a terminal to show it on."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rouser.cli.output import printable, say

if TYPE_CHECKING:
    from rouser.restore_many import RestoreMany

_SECONDS_BETWEEN_REFRESHES: Final = 0.125
_MOST_SHOWN: Final = 10


@contextmanager
def shown(many: RestoreMany, total: int) -> Iterator[Callable[[str], None]]:
    """Show on standard error what is under way while the block runs; provide what writes a line above it.

    Without a terminal, and for a single session, there are only the lines.
    """
    if total == 1 or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield say
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(stderr=True, no_color=bool(os.environ.get("NO_COLOR")), highlight=False)
    live = Live(
        get_renderable=lambda: Text("\n".join(_lines(many, total)), no_wrap=True, overflow="ellipsis"),
        console=console,
        transient=True,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    # rich erases as many lines as it drew last, but lets another thread draw between that and its writing:
    # drawn by its own thread, lines of what was under way were left on the terminal.
    drawing, done = threading.Lock(), threading.Event()

    def refresh() -> None:
        while not done.wait(_SECONDS_BETWEEN_REFRESHES):
            with drawing:
                live.refresh()

    def write(text: str) -> None:
        with drawing:
            console.print(Text(printable(text)), soft_wrap=True)
            live.refresh()  # what was printed is above what was under way before

    refreshing = threading.Thread(target=refresh, name="progress", daemon=True)
    with live:
        live.refresh()
        refreshing.start()
        try:
            yield write
        finally:
            done.set()
            refreshing.join()


def _lines(many: RestoreMany, total: int) -> list[str]:
    """Return a line for each session that is under way, the slowest first, and one for all of them."""
    moment, changing = time.monotonic(), set(many.unfinished)
    slowest = sorted(many.under_way.items(), key=lambda item: item[1])
    lines = [
        f"  {printable(text)[:8]:<8}  … {'restoring' if text in changing else 'looking'}   {moment - begun:.1f} s"
        for text, begun in slowest[:_MOST_SHOWN]
    ]
    return [*lines, f"{many.reported} of {total}"]
