"""The tmux servers of one world, and what can befall them."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from support.waiting import wait_for
from support.world import World, running


def servers(world: World) -> list[int]:
    """Return the pids of the tmux servers that were started at the world's socket, reachable or not."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            with suppress(OSError):
                words = Path(entry.path, "cmdline").read_bytes().split(b"\0")
                ours = str(world.socket).encode() in words and b"tmux" in words[0]
                if ours and Path(entry.path, "comm").read_text().startswith("tmux: server"):
                    found.append(int(entry.name))
    return found


def clients(world: World) -> list[int]:
    """Return the pids of the tmux clients that are asking the world's servers something."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            with suppress(OSError):
                words = Path(entry.path, "cmdline").read_bytes().split(b"\0")
                if str(world.socket).encode() in words:
                    found.append(int(entry.name))
    return sorted(set(found) - set(servers(world))) if found else []


def parent_of(pid: int) -> int:
    """Return the parent of a process; 0 when it has ended."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def stopped(pid: int) -> bool:
    """Return whether a process stands still."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def stop(pid: int) -> None:
    """Stop a process, and wait until it stands still."""
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: stopped(pid), f"process {pid} stands still")


def heal(world: World) -> None:
    """Let every server go on and be reached again; one whose socket another has taken is ended."""
    pids = servers(world)
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    reached = _reached(world)
    for pid in pids:
        if pid != reached and running(pid):
            os.kill(pid, signal.SIGKILL if reached else signal.SIGUSR1)
            reached = reached or wait_for(lambda: _reached(world), "the socket is there again")
    if reached:
        world.tmux("display-message", "-p", "")  # answered only behind everything that it was asked before
    settle(world)


def settle(world: World) -> None:
    """Wait until nothing that was asked of the servers is still on its way: no client of theirs is left."""
    wait_for(lambda: not clients(world), "no tmux client is left")


def end_all(world: World) -> None:
    """Kill every server of the world."""
    for pid in servers(world):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not servers(world), "the tmux servers are gone")


def _reached(world: World) -> int:
    deadline = time.monotonic() + 0.2
    while time.monotonic() < deadline:
        answer = world.tmux("display-message", "-p", "#{pid}")
        if answer.isdecimal():
            return int(answer)
        time.sleep(0.02)
    return 0
