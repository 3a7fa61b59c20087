"""The kit's side of its probe agents: their command lines, what they wrote down, and their ends."""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from rouser.testing import processes
from rouser.testing.verdict import eventually, expect, fail

_SCRIPT: Final = Path(__file__).with_name("probe_agent.py")
_MOMENT: Final = 0.3
_OPEN, _CLOSE = b"\x1b[200~", b"\x1b[201~"


@dataclass(frozen=True)
class Received:
    """What an agent was sent.

    :ivar text: the text, line ends as newlines.
    :ivar submits: where in ``text`` Enter was pressed, as offsets.
    """

    text: bytes
    submits: tuple[int, ...]


class Probe:
    """One probe agent, before, while and after it runs.

    :param record: the file that it writes, in a directory of the kit's.
    """

    def __init__(self, record: Path) -> None:
        self.record: Final = record

    def command(self, *arguments: str, flags: str = "") -> list[str]:
        """Return the argv that starts the agent."""
        # Isolated and without site packages: started in a few milliseconds, whatever the environment holds.
        return [sys.executable, "-I", "-S", str(_SCRIPT), str(self.record), flags or "plain", *arguments]

    @property
    def has_started(self) -> bool:
        """Whether the agent has come so far as to write its record."""
        return self.record.exists()

    @cached_property
    def _written(self) -> dict[str, Any]:
        if not eventually(lambda: self.has_started):
            fail(f"runtime_create returned, but the agent was not started: {self.record.name} never wrote its record")
        written: dict[str, Any] = json.loads(self.record.read_text())
        return written

    @property
    def pid(self) -> int:
        """The agent's own process id."""
        return int(self._written["pid"])

    @property
    def child(self) -> int:
        """The process id of the agent's child."""
        file = self._beside("child")
        expect(eventually(file.exists), "the probe agent could not start a child")
        return int(file.read_text())

    @property
    def arguments(self) -> list[bytes]:
        """The arguments, byte for byte."""
        return [bytes.fromhex(argument) for argument in self._written["argv"]]

    @property
    def environment(self) -> dict[bytes, bytes]:
        """The whole environment, byte for byte."""
        return {bytes.fromhex(key): bytes.fromhex(value) for key, value in self._written["environment"].items()}

    @property
    def directory(self) -> Path:
        """The working directory."""
        return Path(os.fsdecode(bytes.fromhex(self._written["directory"])))

    @property
    def has_terminal(self) -> bool:
        """Whether its input and output are a terminal."""
        return bool(self._written["terminal"])

    @property
    def runs(self) -> bool:
        """Whether the agent's process runs, by the kit's own look."""
        return processes.runs(self.pid)

    @property
    def survives(self) -> bool:
        """Whether the agent goes on to run for a moment, which is how long a stray signal may take to end it."""
        return not eventually(lambda: not self.runs, _MOMENT)

    @property
    def input(self) -> bytes:
        """The bytes that it was sent, as they came."""
        file = self._beside("input")
        return file.read_bytes() if file.exists() else b""

    @property
    def received(self) -> Received:
        """What the bytes mean to an agent in raw mode: pasted text as it is, and Enter where it was pressed."""
        return _read_keys(self.input) if self.has_terminal else _read_lines(self.input)

    def say(self, text: bytes) -> None:
        """Have the agent print something."""
        part = self._beside("say.part")
        part.write_bytes(text)
        part.rename(self._beside("say"))
        expect(eventually(lambda: not self._beside("say").exists()), "the probe agent does not print any more")

    def exit(self, status: int = 0) -> None:
        """Have the agent exit by itself, and return when it has."""
        part = self._beside("end.part")
        part.write_text(str(status))
        part.rename(self._beside("end"))
        expect(eventually(lambda: not self.runs), "the probe agent did not exit")

    def kill(self, number: signal.Signals) -> None:
        """Have the agent end by a signal, and return when it has."""
        os.kill(self.pid, number)
        expect(eventually(lambda: not self.runs), f"the probe agent did not end by {number.name}")

    def suspend(self) -> None:
        """Stop the agent, as from the keyboard; a backend may make it go on at once, as tmux does."""
        os.kill(self.pid, signal.SIGSTOP)
        eventually(lambda: processes.is_stopped(self.pid), _MOMENT)

    def _beside(self, suffix: str) -> Path:
        return self.record.with_name(f"{self.record.name}.{suffix}")


def _read_keys(data: bytes) -> Received:
    """Read what came through a terminal: a carriage return is Enter, but not in a bracketed paste."""
    text, submits, is_pasted = b"", [], False
    for part in _split(data):
        if part in {_OPEN, _CLOSE}:
            is_pasted = part == _OPEN
        elif is_pasted:
            text += part.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        else:
            *lines, rest = part.split(b"\r")
            for line in lines:
                text += line
                submits.append(len(text))
            text += rest
    return Received(text, tuple(submits))


def _read_lines(data: bytes) -> Received:
    """Read what came through a pipe: the newline at the end of all that was sent is Enter."""
    if data.endswith(b"\n"):
        return Received(data[:-1], (len(data) - 1,))
    return Received(data, ())


def _split(data: bytes) -> list[bytes]:
    parts: list[bytes] = []
    for opened in data.split(_OPEN):
        parts += [*([_OPEN] if parts else []), *_between(opened)]
    return parts


def _between(data: bytes) -> list[bytes]:
    pasted, *typed = data.split(_CLOSE)
    return [pasted, *(part for text in typed for part in (_CLOSE, text))]
