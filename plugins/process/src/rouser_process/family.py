"""Find the processes that belong to an agent, and end them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from rouser import RUNTIME_VARIABLE, HookError, find_daemons, time_left
from rouser_process.identity import ENDED, PROC, Process, Stat, read_stat

_SHORTEST_POLL: Final = 0.002
_LONGEST_POLL: Final = 0.02

# What is sent, and how many seconds it gets to work.
_STEPS: Final = ((signal.SIGHUP, 1.0), (signal.SIGTERM, 1.0), (signal.SIGKILL, 1.0))


class Family:
    """An agent, the processes of its session (``setsid(2)``), its descendants, and the daemons that left both.

    :param leader: the agent, which leads its session, alive or not.
    :param token: what ``RUNTIME_VARIABLE`` is in the environment of the members. Once the leader is gone, its
        number may be another's; what claims to be of its session must then carry this.
    """

    def __init__(self, leader: Process, token: str) -> None:
        self._leader = leader
        self._token = token
        self._mark = f"{RUNTIME_VARIABLE}={token}".encode()
        self._known: set[Process] = set()

    def living(self) -> list[Process]:
        """Return the members that run now, the one that asks left out."""
        daemons = find_daemons().get(self._token, ())
        table = dict(_read_all())
        known = [member.pid for member in self._known if _holds(table, member)]
        members = [*known, *self._session_members(table), *table.keys() & daemons]
        found = set(_with_descendants(table, members))
        self._known = {Process(pid, table[pid].start) for pid in found - {os.getpid()} if table[pid].state not in ENDED}
        return sorted(self._known, key=lambda member: member.pid)

    def end(self) -> list[Process]:
        """Hang up on the members, then terminate, then kill them; 3 s at most.

        :returns: those that run nevertheless.
        """
        return self._end(_STEPS)

    def kill(self) -> list[Process]:
        """Kill the members; 1 s at most.

        :returns: those that run nevertheless.
        """
        return self._end(_STEPS[-1:])

    def _end(self, steps: Sequence[tuple[signal.Signals, float]]) -> list[Process]:
        members = self.living()
        for number, seconds in steps:
            give_up = time.monotonic() + min(seconds, time_left())
            sent: set[Process] = set()
            while members and time.monotonic() < give_up:
                for member in set(members) - sent:
                    member.send(number)
                    member.send(signal.SIGCONT)  # one that is stopped would not notice
                sent.update(members)  # and the next round is for those that they started just before
                wait_until_gone(members, give_up - time.monotonic())
                members = self.living()
        return members

    def _session_members(self, table: dict[int, Stat]) -> Iterator[int]:
        is_verified = _holds(table, self._leader)
        if not is_verified and (self._leader.pid in table or not self._leader.is_of_this_boot):
            return  # the number is another's now
        for pid, stat in table.items():
            if stat.session == self._leader.pid and (is_verified or self._carries_mark(pid)):
                yield pid

    def _carries_mark(self, pid: int) -> bool:
        try:
            environ = (PROC / str(pid) / "environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return False
        return self._mark in environ.split(b"\0")


@contextmanager
def looking_at_processes() -> Iterator[None]:
    """Say of a function, or of a ``with`` block, that it looks at processes.

    :raises HookError: it could not.
    """
    try:
        yield
    except OSError as error:
        raise HookError(f"it cannot be seen which processes run: {error.strerror}; try again") from error


def wait_until_gone(processes: Iterable[Process], seconds: float) -> bool:
    """Wait until none of the processes runs, or the time is over; return whether none does."""
    give_up = time.monotonic() + min(seconds, time_left())
    pause = _SHORTEST_POLL
    waiting = list(processes)
    while waiting := [process for process in waiting if process.runs()]:
        if time.monotonic() > give_up:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_POLL)
    return True


def _with_descendants(table: dict[int, Stat], members: list[int]) -> Iterator[int]:
    children: dict[int, list[int]] = {}
    for pid, stat in table.items():
        children.setdefault(stat.parent, []).append(pid)
    seen: set[int] = set()
    while members:
        pid = members.pop()
        if pid not in seen:
            seen.add(pid)
            members += children.get(pid, ())
            yield pid


def _holds(table: dict[int, Stat], process: Process) -> bool:
    stat = table.get(process.pid)
    return stat is not None and stat.start == process.start


def _read_all() -> Iterator[tuple[int, Stat]]:
    for name in os.listdir(PROC):  # noqa: PTH208 - half the time of iterdir
        stat = None
        with suppress(PermissionError):  # mounted with hidepid=1, which hides those of other users
            stat = read_stat(int(name)) if name.isdecimal() else None
        if stat:
            yield int(name), stat
