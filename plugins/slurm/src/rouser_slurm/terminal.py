"""An agent's terminal: its tmux server is on another machine, and reached through a step of its job."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from rouser import HookError, time_left
from rouser_slurm.client import Slurm, SlurmError, is_of_a_job
from rouser_slurm.handle import Handle
from rouser_slurm.places import Generation, Started, generation_of

# All of C0 but tab and newline, DEL and C1. One escape character would end a bracketed paste, and what follows
# it would be typed.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_EPITAPH: Final = "Pane is dead"  # what tmux before 3.3 writes at the bottom of a screen that remains, whatever is set
_FRESH_SECONDS: Final = 0.3
_LONGEST_CACHE: Final = 64
_SERVER_GONE: Final = ("no server running", "error connecting", "server exited", "lost server")  # tmux's words
_END_SECONDS: Final = 3.0
_PAUSE: Final = 0.05


@dataclass(slots=True)
class Terminals:
    """Reaches the terminals of agents.

    :param slurm: the cluster.
    :param tmux: the tmux of its nodes.
    """

    slurm: Slurm
    tmux: str
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _screens: dict[tuple[Handle, int], tuple[float, str]] = field(default_factory=dict)

    def send(self, handle: Handle, message: str) -> None:
        """Paste a message and a carriage return; both as buffers, which reach their pane alone and at once.

        :raises HookError: it was not delivered.
        """
        text = _CONTROL.sub("", message.replace("\r\n", "\n").replace("\r", "\n"))
        if not text.strip():
            raise HookError("the message is blank; say something")
        started = _running(handle)
        name = f"rouser-{os.urandom(8).hex()}"
        enter = f"{name}-enter"
        self._ask(
            handle,
            started,
            ["load-buffer", "-b", name, "-"],
            ["set-buffer", "-b", enter, "\r"],
            ["paste-buffer", "-p", "-r", "-d", "-b", name, "-t", started.pane],
            ["paste-buffer", "-r", "-d", "-b", enter, "-t", started.pane],
            stdin=text.encode(errors="replace"),
        )

    def submit(self, handle: Handle) -> None:
        """Paste a carriage return, and nothing else.

        :raises HookError: the agent has ended, or its node does not answer.
        """
        started = _running(handle)
        name = f"rouser-{os.urandom(8).hex()}"
        self._ask(
            handle,
            started,
            ["set-buffer", "-b", name, "\r"],
            ["paste-buffer", "-r", "-d", "-b", name, "-t", started.pane],
        )

    def last_lines(self, handle: Handle, count: int) -> str:
        """Return the last lines that the terminal shows, or showed when its job looked last.

        :raises HookError: there is nothing of it to be had.
        """
        generation = generation_of(handle)
        report = generation.report()
        if report.started is not None and report.ended is None:
            try:
                return self._screen(handle, report.started, count)
            except SlurmError as error:
                if not generation.screen() or any(words in str(error) for words in _SERVER_GONE):
                    _wait_for_end(generation)
                if not generation.screen():
                    raise
        screen = generation.screen()
        if not screen and report.ended is None:
            raise HookError(f"nothing is left of the output of {handle.name}")
        return last(screen, count)

    def attach_command(self, handle: Handle) -> list[str]:
        """Return the argv that shows the terminal in this one.

        :raises HookError: the agent does not run.
        """
        started = _running(handle)
        unset = [name for name in os.environ if is_of_a_job(name) or name in {"TMUX", "TMUX_PANE"}]
        variables = [f"{name}={value}" for name, value in self.slurm.added().items()]
        step = self.slurm.argv("srun", *_step(started), "--pty", *self._tmux(started), "attach-session", "-t", "=agent")
        return ["env", *(word for name in unset for word in ("-u", name)), *variables, *step]

    def _screen(self, handle: Handle, started: Started, count: int) -> str:
        """Return the last lines, which are not asked for more often than people can read."""
        key = (handle, count)
        with self._lock:
            at, text = self._screens.get(key, (-_FRESH_SECONDS, ""))
        if time.monotonic() - at < _FRESH_SECONDS:
            return text
        printed = self._ask(handle, started, ["capture-pane", "-p", "-J", "-S", f"-{count}", "-t", started.pane])
        text = last(printed, count)
        with self._lock:
            if len(self._screens) >= _LONGEST_CACHE:
                self._screens.clear()
            self._screens[key] = (time.monotonic(), text)
        return text

    def _ask(self, handle: Handle, started: Started, *commands: Sequence[str], stdin: bytes = b"") -> str:
        """Run tmux commands on the agent's node, and return what they printed.

        srun's exit status is 1 for so many things that only tmux's own last word is believed: it comes when all
        commands before it have succeeded.
        """
        word = f"done-{os.urandom(8).hex()}"
        chain: list[str] = []
        for command in (*commands, ["display-message", "-p", word]):
            chain += [*([";"] if chain else []), *command]
        argv = [*_step(started), *self._tmux(started), *chain]
        try:
            printed, complaint = self.slurm.run("srun", *argv, stdin=stdin)
        except SlurmError as error:
            raise SlurmError(f"the terminal of {handle.name} cannot be reached: {error}", error.reason) from error
        output = printed.decode(errors="replace")
        if not output.endswith(f"{word}\n"):
            raise SlurmError(
                f"the terminal of {handle.name} on {started.node} did not answer: {complaint or output[:60]!r}"
            )
        return output.removesuffix(f"{word}\n")

    def _tmux(self, started: Started) -> list[str]:
        return [self.tmux, "-N", "-u", "-S", started.socket]


def _step(started: Started) -> list[str]:
    job = f"--jobid={started.job}"
    return [job, "--overlap", "--nodes=1", "--ntasks=1", "--quiet", "--mpi=none", "--chdir=/", "--cpu-bind=none"]


def _running(handle: Handle) -> Started:
    report = generation_of(handle).report()
    if report.started is None or report.ended is not None:
        raise HookError(f"the agent in job {handle.job} ({handle.name}) does not run; restore it first")
    return report.started


def _wait_for_end(generation: Generation) -> None:
    """Wait a little for a job to find out that its agent has ended, and to keep what the terminal showed last."""
    give_up = time.monotonic() + min(_END_SECONDS, time_left() / 2)
    while generation.report().ended is None and time.monotonic() < give_up:
        time.sleep(_PAUSE)


def last(text: str, count: int) -> str:
    """Return the last lines of what a terminal showed, without control characters and what tmux says below it."""
    lines = [_CONTROL.sub("", line).rstrip() for line in text.split("\n")]
    _drop_blank_end(lines)
    if lines and lines[-1].startswith(_EPITAPH):
        lines.pop()
        _drop_blank_end(lines)
    return "\n".join(lines[-count:])


def _drop_blank_end(lines: list[str]) -> None:
    while lines and not lines[-1]:
        lines.pop()
