"""Runs the command line in forked processes: real ones, without paying for an interpreter's start in each."""

from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from support.world import Done, World

from rouser.cli.app import COMMANDS
from rouser.cli.program import main
from rouser.entrypoints import installed

_POLL = 0.002


@dataclass(frozen=True)
class Ended:
    """A forked process that has ended.

    :ivar pid: the pid that it had.
    :ivar done: its exit code, negative for a signal, and what it printed.
    :ivar seconds: how long it took from the common start.
    """

    pid: int
    done: Done
    seconds: float


class HungError(Exception):
    """A process did not end in time; it was killed."""


def warm_up(world: World) -> None:
    """Import what the commands use, so that each forked process finds it there."""
    for name in COMMANDS:
        import_module(f"rouser.cli.{name}")
    for name in ("restore_many", "spawn", "doctor", "discover", "adopt"):
        import_module(f"rouser.{name}")
    for entry in installed():
        entry.load()
    gc.freeze()  # so that collections in the forked processes copy no page of it


def together(world: World, commands: Sequence[Sequence[str]], *, seconds: float = 60.0) -> list[Ended]:
    """Run commands at the same moment, each in a process of its own, and return them in the same order.

    :param seconds: how long they may take.
    :raises HungError: one did not end in time; all have been killed.
    """
    waiting, gun = os.pipe()
    directory = Path(tempfile.mkdtemp(dir=world.root))
    begun = [_fork(world, command, directory / str(index), waiting, gun) for index, command in enumerate(commands)]
    os.close(waiting)
    start = time.monotonic()
    os.close(gun)
    codes = _reap(dict.fromkeys(begun), start, seconds)
    ended = []
    for index, pid in enumerate(begun):
        out, err = ((directory / f"{index}.{name}").read_text(errors="replace") for name in ("out", "err"))
        code, taken = codes[pid]
        ended.append(Ended(pid, Done(code, out, err), taken))
    return ended


def once(world: World, *command: str, env: Mapping[str, str] | None = None, seconds: float = 120.0) -> Done:
    """Run one command to its end."""
    before = world.extra
    world.extra = {**before, **(env or {})}
    try:
        return together(world, [command], seconds=seconds)[0].done
    finally:
        world.extra = before


def call(function: Callable[[], int], seconds: float = 60.0) -> int:
    """Run ``function`` in a forked process and return its exit code: what it returned, 1 if it raised."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            code = function()
        finally:
            os._exit(code)
    return _reap({pid: None}, time.monotonic(), seconds)[pid][0]


def _fork(world: World, command: Sequence[str], stem: Path, waiting: int, gun: int) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        os.close(gun)
        for name, number in (("out", 1), ("err", 2)):
            os.dup2(os.open(f"{stem}.{name}", os.O_WRONLY | os.O_CREAT, 0o600), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.read(waiting, 1)
        code = _become(world, command)
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _become(world: World, command: Sequence[str]) -> int:
    """Run the command line as ``world`` has it, and return its exit code."""
    if world.uid is not None:
        os.setgroups([])
        os.setresgid(world.uid, world.uid, world.uid)
        os.setresuid(world.uid, world.uid, world.uid)
    environment = world.environment
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(world.cwd or world.repository)
    sys.argv = ["rouser", *command]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


def _reap(pids: dict[int, None], start: float, seconds: float) -> dict[int, tuple[int, float]]:
    ended: dict[int, tuple[int, float]] = {}
    left = set(pids)
    while left:
        for pid in list(left):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                left.discard(pid)
                ended[pid] = os.waitstatus_to_exitcode(status), time.monotonic() - start
        if left and time.monotonic() > start + seconds:
            for pid in left:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            raise HungError(f"{len(left)} processes did not end within {seconds:g} s")
        time.sleep(_POLL)
    return ended
