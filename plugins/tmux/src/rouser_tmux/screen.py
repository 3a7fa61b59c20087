"""What people see of a runtime: the lines on its screen, and the command that attaches to it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from rouser_tmux.client import Server
from rouser_tmux.panes import Pane

_CONTROL: Final = dict.fromkeys((*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0)))  # but tab and newline
_EPITAPH: Final = "Pane is dead"  # what tmux itself writes at the bottom of a screen that remains


def last_lines(pane: Pane, count: int) -> str:
    """Return the last lines that a pane shows or has shown, without blank ones at the end.

    Lines that tmux wrapped count as one, as they were written.

    :raises HookError: the server does not answer.
    """
    lines = _capture(pane, count)
    if len(lines) < count < pane.history:  # what looked like enough lines were parts of longer ones
        lines = _capture(pane, pane.history)
    return "\n".join(lines[-count:])


def attach_command(pane: Pane, environ: Mapping[str, str]) -> list[str]:
    """Return the argv that shows a pane in the current terminal.

    :param environ: the environment of the terminal's process, which tells whether tmux is around it.
    """
    client = ["tmux", "-S", pane.socket]
    outer = environ.get("TMUX", "").split(",")[-2:]
    if outer[0] == str(pane.server_pid):
        return [*client, "switch-client", "-t", pane.target]
    attach = [*client, "attach-session", "-t", pane.target]
    return ["env", "-u", "TMUX", *attach] if environ.get("TMUX") else attach


def _capture(pane: Pane, history: int) -> list[str]:
    server = Server(("-S", pane.socket))
    text = server.ask("capture-pane", "-p", "-J", "-S", str(-history), "-t", pane.id)
    lines = [line.translate(_CONTROL).rstrip() for line in os.fsencode(text).decode(errors="replace").split("\n")]
    _drop_blank_end(lines)
    if pane.dead and lines and lines[-1].startswith(_EPITAPH):
        lines.pop()
        _drop_blank_end(lines)
    return lines


def _drop_blank_end(lines: list[str]) -> None:
    while lines and not lines[-1]:
        lines.pop()
