"""Tell processes apart by pid and start time, and end families of them, as ``proc(5)`` shows them.

Where there is no ``/proc``, nothing is known of any process: none is said to run, and none is signalled. Where there
is one that cannot be read, for want of descriptors for one, all of this raises :class:`HookError`: what cannot be seen
has not ended.
"""

import functools
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from rouser import HookError, find_daemons, time_left

_ENDED: Final = frozenset("ZXx")
_STOPPED: Final = frozenset("Tt")
_CHUNK: Final = 8_192
_SHORTEST_POLL: Final = 0.002
_LONGEST_POLL: Final = 0.02
_GONE: Final = (FileNotFoundError, ProcessLookupError)
_LOOKS: Final = 3  # as many as are of use where processes come and go all the time

# What is sent, and how many seconds it gets to work; None stands for the hangup that tmux or the kernel has sent.
_STEPS: Final = ((None, 1.0), (signal.SIGTERM, 1.5), (signal.SIGKILL, 2.0))

found_ended: Final[dict["Process", float]] = {}
"""When each process was first found to have ended, by ``time.monotonic``."""


class _Stat(NamedTuple):
    """Some fields of ``/proc/PID/stat``."""

    state: str
    parent: int
    group: int
    session: int
    terminal: int
    foreground: int
    start: str


class Process(NamedTuple):
    """One process, never mistaken for a later one with the same pid.

    :ivar pid: its process id.
    :ivar start: when it started, in ticks since the boot that is named behind the dot; empty if unknown.
    """

    pid: int
    start: str

    @classmethod
    def identify(cls, pid: int) -> "Process":
        """Return the process that has this pid now, a zombie included."""
        stat = _read_stat(pid)
        return cls(pid, stat.start if stat else "")

    def runs(self) -> bool:
        """Return whether it still runs; a zombie does not."""
        stat = _read_stat(self.pid)
        if stat is not None and stat.start == self.start and stat.state not in _ENDED:
            return True
        found_ended.setdefault(self, time.monotonic())
        return False

    def holds_terminal(self, parent: "Process") -> bool:
        """Return whether it runs as a child of ``parent`` in the terminal that it was started in.

        The kernel takes a session's terminal away when whoever holds the other end lets go of that. A False says
        less: the process may have given its terminal up, or another one became its parent.
        """
        stat = _read_stat(self.pid)
        return (
            stat is not None
            and (stat.start, stat.parent, stat.session) == (self.start, parent.pid, self.pid)
            and stat.state not in _ENDED
            and stat.terminal != 0
        )

    def answers(self) -> bool:
        """Return whether it runs, and was neither stopped nor killed, even if that has yet to take effect."""
        stat = _read_stat(self.pid)
        return (
            stat is not None
            and stat.start == self.start
            and stat.state not in _ENDED | _STOPPED
            and not _is_being_ended(self.pid)
        )

    def send(self, number: signal.Signals) -> None:
        """Signal the process if it still runs, and never another one that got its pid."""
        try:
            if sys.platform == "linux" and hasattr(os, "pidfd_open"):
                handle = os.pidfd_open(self.pid)
                try:
                    if self.runs():
                        signal.pidfd_send_signal(handle, number)
                finally:
                    os.close(handle)
            elif self.runs():
                os.kill(self.pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # gone, or not ours to end: the caller looks at what is left


class Family:
    """The processes that belong to some leaders: their sessions (``setsid(2)``), their descendants, their daemons.

    :param leaders: session leaders, alive or not.
    :param mark: how the ``TMUX`` variable of the members begins. Once a leader is gone, its number may be
        another's; what claims to be of its session must then carry this mark.
    :param token: what ``RUNTIME_VARIABLE`` is in the environment of the daemons, which left session and parents.
    :param others: members that lead no session.
    """

    def __init__(self, leaders: Iterable[Process], mark: str, token: str, others: Iterable[Process] = ()) -> None:
        self._leaders = tuple(leaders)
        self._token = token
        self._mark = f"TMUX={mark}".encode(errors="surrogateescape")
        self._known: set[Process] = set(others)

    def living(self) -> list[Process]:
        """Return the members that run now, the one that asks left out."""
        return self._find(pids())

    def _living_or_born(self) -> list[Process]:
        """Return the members that run, also one whose parent started it and ended while it was looked for.

        It may be seen nowhere: born after the numbers were listed, when its parent has ended before that is read.
        So that there is none is only believed when no process has come or gone meanwhile.
        """
        members: list[Process] = []
        for _ in range(_LOOKS):
            listed = pids()
            members = self._find(listed)
            if members or pids() == listed:
                break
        return members

    def _find(self, listed: list[int]) -> list[Process]:
        table = dict(_read_all(listed))
        try:
            daemons = find_daemons().get(self._token, ())
        except OSError as error:
            raise unknown(error) from error
        known = [member.pid for member in self._known if _holds(table, member)]
        members = [*known, *self._session_members(table), *table.keys() & daemons]
        found = set(self._with_descendants(table, members))
        self._known = {
            Process(pid, table[pid].start) for pid in found - {os.getpid()} if table[pid].state not in _ENDED
        }
        return sorted(self._known, key=lambda member: member.pid)

    def _session_members(self, table: dict[int, _Stat]) -> Iterator[int]:
        verified = {leader.pid for leader in self._leaders if _holds(table, leader)}
        vacant = {leader.pid for leader in self._leaders} - table.keys()
        for pid, stat in table.items():
            if stat.session in verified or (stat.session in vacant and self._carries_mark(pid)):
                yield pid

    @staticmethod
    def _with_descendants(table: dict[int, _Stat], members: list[int]) -> Iterator[int]:
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

    def _carries_mark(self, pid: int) -> bool:
        return any(entry.startswith(self._mark) for entry in _environ(pid).split(b"\0"))

    def end(self) -> list[Process]:
        """Wait for the members that a hangup was sent to, then terminate, then kill them; 4.5 s at most.

        :returns: those that run nevertheless.
        """
        members = self._living_or_born()
        for number, seconds in _STEPS:
            give_up = time.monotonic() + min(seconds, time_left())
            sent: set[Process] = set()
            while members and time.monotonic() < give_up:
                for member in set(members) - sent:
                    if number:
                        member.send(number)
                sent.update(members)  # and the next round is for those that they started just before
                wait_until_gone(members, give_up - time.monotonic())
                members = self._living_or_born()  # which on a busy machine may take longer than all the rest
        return members


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


def wait_until_named(process: Process, seconds: float) -> None:
    """Wait until a process has a command line, or has ended, or the time is over.

    It has none for a moment while it starts a program, and from when it exits until it counts as ended; and for as
    long as it lives if it has blanked it.
    """
    give_up = time.monotonic() + min(seconds, time_left())
    pause = _SHORTEST_POLL / 2
    while not command_line(process.pid) and process.runs() and time.monotonic() < give_up:
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_POLL)


def _is_being_ended(pid: int) -> bool:
    """Return whether a SIGKILL or SIGSTOP is pending, as on a busy machine one may be for many milliseconds."""
    try:
        status = _read(f"/proc/{pid}/status")
    except OSError:
        return True
    pending = status.partition(b"\nShdPnd:")[2].partition(b"\n")[0]
    return bool(int(pending or b"0", 16) & (1 << signal.SIGKILL - 1 | 1 << signal.SIGSTOP - 1))


@functools.cache
def are_visible() -> bool:
    """Return whether this system shows its processes in ``/proc``."""
    return _read_stat(os.getpid()) is not None


def ancestry(pid: int) -> list[int]:
    """Return a process, its parent, and so on, up to the one that has none; empty if there is no such process."""
    pids: list[int] = []
    while (stat := _read_stat(pid)) and pid not in pids:
        pids.append(pid)
        pid = stat.parent
    return pids


def is_in_foreground(pid: int) -> bool:
    """Return whether what is typed into its terminal reaches the process, rather than a shell around it."""
    stat = _read_stat(pid)
    return stat is not None and stat.group == stat.foreground


def variable(pid: int, name: str) -> str:
    """Return a variable of the environment that a process was started with; empty if unset or not to be read."""
    prefix = os.fsencode(f"{name}=")
    entries = _environ(pid).split(b"\0")
    return next((os.fsdecode(entry[len(prefix) :]) for entry in entries if entry.startswith(prefix)), "")


def command_line(pid: int) -> bytes:
    """Return the argv of a process, each element ended by NUL; empty for one that has ended."""
    try:
        return _read(f"/proc/{pid}/cmdline")
    except _GONE:
        return b""
    except OSError as error:
        raise unknown(error) from error


def _environ(pid: int) -> bytes:
    """Return the environment that a process was started with; empty if it has ended, or is another user's."""
    try:
        return _read(f"/proc/{pid}/environ")
    except (*_GONE, PermissionError):
        return b""
    except OSError as error:
        raise unknown(error) from error


def _holds(table: dict[int, _Stat], process: Process) -> bool:
    stat = table.get(process.pid)
    return stat is not None and stat.start == process.start


def _read_all(listed: Iterable[int]) -> Iterator[tuple[int, _Stat]]:
    for pid in listed:
        try:
            stat = _read_stat(pid)
        except HookError as error:
            if isinstance(error.__cause__, PermissionError):
                continue  # mounted with hidepid=1, which hides those of other users
            raise
        if stat:
            yield pid, stat


def pids() -> list[int]:
    """Return the numbers of all processes."""
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - half the time of iterdir
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unknown(error) from error


def unknown(error: OSError) -> HookError:
    """Return what to raise when processes cannot be looked at."""
    return HookError(f"it cannot be seen which processes run: {error.strerror}; try again")


def _read_stat(pid: int) -> _Stat | None:
    try:
        # The command's name may hold spaces and parentheses; the last parenthesis ends it.
        fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split(None, 20)
    except _GONE:
        return None
    except OSError as error:
        raise unknown(error) from error
    parent, group, session, terminal, foreground = map(int, fields[1:6])
    return _Stat(fields[0].decode(), parent, group, session, terminal, foreground, f"{fields[19].decode()}.{boot()}")


@functools.cache
def boot() -> str:
    """Return a few letters that differ from boot to boot: ticks start from zero in each."""
    try:
        return _read("/proc/sys/kernel/random/boot_id").decode()[:8]
    except (FileNotFoundError, PermissionError):
        return "0"
    except OSError as error:
        raise unknown(error) from error  # and not another boot than the last time


def _read(path: str) -> bytes:
    """Return what a file of ``/proc`` holds; raises :class:`OSError` for a process that is gone."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # a file object takes twice as long
    try:
        content = b""
        while len(more := os.read(descriptor, _CHUNK)) == _CHUNK:
            content += more
        return content + more
    finally:
        os.close(descriptor)
