"""Look at processes without asking the plugin: through ``/proc`` where there is one, else through ``ps``."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
HAS_PROC: Final = (PROC / "self" / "stat").exists()
_PS_SECONDS: Final = 10.0


def runs(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    if HAS_PROC:
        fields = _stat(pid)
        return bool(fields) and fields[0] not in "ZXx"
    state = _ps("stat=", pid)
    return bool(state) and not state.startswith("Z")


def is_stopped(pid: int) -> bool:
    """Return whether a process was stopped by a signal."""
    return (_stat(pid)[:1] == ["T"]) if HAS_PROC else _ps("stat=", pid).startswith("T")


def parent(pid: int) -> int:
    """Return the parent's pid; 0 when there is none."""
    if HAS_PROC:
        fields = _stat(pid)
        return int(fields[1]) if fields else 0
    return int(_ps("ppid=", pid) or 0)


def of(root: Path) -> list[int]:
    """Return the other processes whose command line or environment names ``root``, a directory of unique name."""
    needle = os.fsencode(root)
    return [pid for pid in _pids() if needle in _words(pid) and pid != os.getpid() and runs(pid)]


def showing(text: bytes) -> list[int]:
    """Return the processes that show ``text`` to everybody, in their command lines."""
    return [pid for pid in _pids() if text in _read(pid, "cmdline")]


def describe(pids: list[int]) -> str:
    """Return what people need to recognise processes by."""
    return ", ".join(f"{pid} ({_command_line(pid)[:120]})" for pid in pids)


def end_all(root: Path) -> None:
    """Kill every process that names ``root``; none of these is anybody else's."""
    for pid in of(root):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            os.kill(pid, signal.SIGCONT)


def _pids() -> Iterator[int]:
    if HAS_PROC:
        with os.scandir(PROC) as entries:
            yield from [int(entry.name) for entry in entries if entry.name.isdecimal()]
        return
    done = subprocess.run(["ps", "-A", "-o", "pid="], capture_output=True, check=False, timeout=_PS_SECONDS)
    yield from (int(word) for word in done.stdout.split())


def _words(pid: int) -> bytes:
    return _read(pid, "cmdline") + b"\0" + _read(pid, "environ") if HAS_PROC else _ps("command=", pid).encode()


def _command_line(pid: int) -> str:
    if HAS_PROC:
        return _read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()
    return _ps("command=", pid)


def _read(pid: int, file: str) -> bytes:
    if not HAS_PROC:
        return _ps("command=", pid).encode() if file == "cmdline" else b""
    try:
        return Path(f"{PROC}/{pid}/{file}").read_bytes()
    except OSError:
        return b""


def _stat(pid: int) -> list[str]:
    try:
        # The command's name may hold spaces and parentheses; the last parenthesis ends it, see proc(5).
        return (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _ps(column: str, pid: int) -> str:
    done = subprocess.run(
        ["ps", "-o", column, "-p", str(pid)], capture_output=True, check=False, timeout=_PS_SECONDS, text=True
    )
    return done.stdout.strip()
