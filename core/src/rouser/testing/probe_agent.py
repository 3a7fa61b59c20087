"""The agent that the kit has runtimes start: writes down how it was started and what it is sent, and ends on request.

Run as a script, ``probe_agent.py RECORD FLAGS ARGUMENT...``, in a bare interpreter. FLAGS is a list of words:
``raw`` takes input as it comes; ``paste`` also asks for bracketed paste; ``deaf`` ignores signals that ask to
end; ``child`` and ``detached`` have a child, in the same or another session; ``quit`` ends at once.
It ends when a file RECORD.end appears, whose text is the exit status. Lines that appear in RECORD.say are printed.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
import tty
from pathlib import Path

_TICK = 0.01
_REQUESTS = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


def main() -> None:
    """Do what the flags say until the end is asked for."""
    record, flags = Path(sys.argv[1]), sys.argv[2].split(",")
    for number in _REQUESTS:  # whatever whoever runs the tests ignores, as under nohup
        signal.signal(number, signal.SIG_IGN if "deaf" in flags else signal.SIG_DFL)
    if "child" in flags or "detached" in flags:
        _have_child(record, detached="detached" in flags)
    if "raw" in flags and os.isatty(0):
        tty.setraw(0)
    if "paste" in flags and os.isatty(1):
        os.write(1, b"\x1b[?2004h")
    _write(record, _describe())
    if "quit" not in flags:
        _serve(record)


def _describe() -> str:
    environment = {name.hex(): value.hex() for name, value in os.environb.items()}
    return json.dumps(
        {
            "argv": [os.fsencode(argument).hex() for argument in sys.argv[3:]],
            "environment": environment,
            "directory": os.fsencode(Path.cwd()).hex(),
            "pid": os.getpid(),
            "terminal": os.isatty(0) and os.isatty(1),
        }
    )


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    part.rename(path)


def _have_child(record: Path, *, detached: bool) -> None:
    if os.fork():
        return
    if detached:
        os.setsid()
    _write(record.with_name(record.name + ".child"), str(os.getpid()))
    while True:
        time.sleep(60)


def _serve(record: Path) -> None:
    end, say = record.with_name(record.name + ".end"), record.with_name(record.name + ".say")
    is_open = True
    with record.with_name(record.name + ".input").open("ab", buffering=0) as received:
        while not end.exists():
            if say.exists():
                os.write(1, say.read_bytes())
                say.unlink()
            if is_open and select.select([0], [], [], _TICK)[0]:
                data = os.read(0, 65536)
                received.write(data)
                is_open = bool(data)
            elif not is_open:
                time.sleep(_TICK)
    sys.exit(int(end.read_text() or 0))


if __name__ == "__main__":
    main()
