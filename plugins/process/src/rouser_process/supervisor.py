"""The process that holds an agent's terminal: it outlives the command that started it, and little else.

It is single-threaded, waits in one place, never blocks on the agent or on a client, and imports nothing but the
standard library and this package, so that it starts within milliseconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any, Final

from rouser_process.connection import Connection, is_of_our_user
from rouser_process.identity import Process
from rouser_process.keyboard import Keyboard
from rouser_process.protocol import COLUMNS, ENDED, LOG, RECORD, ROWS, SIZE, SOCKET
from rouser_process.recording import Recording
from rouser_process.terminal import StartError, Terminal

_BACKLOG: Final = 128
_DRAIN_SECONDS: Final = 0.3
_FAREWELL_SECONDS: Final = 1.0
_HARMLESS: Final = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)


class Supervisor:
    """An agent in a terminal, and the clients that look at it. Runs in the runtime's directory.

    :ivar token: of the runtime; whoever asks for another one has come to the wrong place.
    """

    def __init__(self, token: str, terminal: Terminal, listener: socket.socket) -> None:
        self.token = token
        self._terminal = terminal
        self._listener = listener
        self._recording = Recording(Path())
        self._keyboard = Keyboard()
        self._connections: set[Connection] = set()
        self._selector = selectors.DefaultSelector()

    def paste(self, text: bytes, author: Connection) -> None:
        """Type a message, and tell its author when that is done."""
        self._keyboard.paste(text, author, bracketed=self._recording.takes_pastes)

    def press(self, keys: bytes) -> None:
        """Type keys as they are."""
        self._keyboard.press(keys)

    def resize(self, rows: int, columns: int) -> None:
        """Give the terminal the size of the client that spoke last."""
        self._terminal.resize(rows, columns)
        with contextlib.suppress(OSError):  # a full disk is no reason to end an agent
            write_whole(SIZE, {"rows": rows, "columns": columns})

    def recent(self) -> bytes:
        """Return what was shown last."""
        return self._recording.recent()

    def drop(self, connection: Connection) -> None:
        """Be done with a client; what it has sent and is not typed yet never will be."""
        if connection in self._connections:
            self._connections.remove(connection)
            self._keyboard.withdraw(connection)
            self._selector.unregister(connection.channel)
            connection.channel.close()

    def run(self) -> int:
        """Serve until the agent has ended, and return how: as :func:`os.waitstatus_to_exitcode` says."""
        wakeup, noise = socket.socketpair()
        for end in (wakeup, noise):
            end.setblocking(False)
        signal.set_wakeup_fd(noise.fileno(), warn_on_full_buffer=False)
        self._selector.register(wakeup, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._terminal.master, selectors.EVENT_READ)
        while (status := self._status()) is None:
            self._wait(None)
            with contextlib.suppress(BlockingIOError):
                wakeup.recv(4096)
        self._drain()
        return status

    def say_farewell(self) -> None:
        """Send attached clients what they have not read yet, for as long as they read it, and let go of them."""
        for connection in list(self._connections):
            connection.ends = True
            if not connection.unsent:
                self.drop(connection)
        self._selector.unregister(self._listener)
        give_up = time.monotonic() + _FAREWELL_SECONDS
        while self._connections and (left := give_up - time.monotonic()) > 0:
            self._wait(left)

    def _status(self) -> int | None:
        pid, status = os.waitpid(self._terminal.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None

    def _wait(self, seconds: float | None) -> None:
        self._listen()
        for key, events in self._selector.select(seconds):
            if isinstance(key.data, Connection):
                if events & selectors.EVENT_READ and key.data in self._connections:
                    key.data.receive()
                if events & selectors.EVENT_WRITE and key.data in self._connections:
                    key.data.send()
            elif key.fileobj is self._listener:
                self._accept()
            elif key.fileobj == self._terminal.master:
                if events & selectors.EVENT_READ:
                    self._read()
                if events & selectors.EVENT_WRITE:
                    self._keyboard.type_into(self._terminal.write)

    def _listen(self) -> None:
        """Wait for what can be written to only when there is something to write."""
        both = selectors.EVENT_READ | selectors.EVENT_WRITE
        for key in list(self._selector.get_map().values()):
            if isinstance(key.data, Connection):
                events = both if key.data.unsent else selectors.EVENT_READ
            elif key.fileobj == self._terminal.master:
                events = both if self._keyboard else selectors.EVENT_READ
            else:
                continue
            if key.events != events:
                self._selector.modify(key.fileobj, events, key.data)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            channel, _ = self._listener.accept()
            if is_of_our_user(channel):
                connection = Connection(self, channel)
                self._connections.add(connection)
                self._selector.register(channel, selectors.EVENT_READ, connection)
            else:
                channel.close()

    def _read(self) -> bool:
        data = self._terminal.read()
        if data:
            self._recording.add(data)
            for connection in list(self._connections):
                if connection.is_attached:
                    connection.show(data)
        return data is not None

    def _drain(self) -> None:
        """Read what the agent printed before it ended, not waiting long for others that have its terminal open."""
        self._terminal.let_go()
        give_up = time.monotonic() + _DRAIN_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(self._terminal.master, selectors.EVENT_READ)
            while (left := give_up - time.monotonic()) > 0 and selector.select(left):
                if not self._read():
                    break
        self._selector.unregister(self._terminal.master)
        self._terminal.hang_up()


def write_whole(name: str, fields: dict[str, Any]) -> None:
    """Write a file in the current directory, whole or not at all.

    :raises OSError: the disk says no.
    """
    fresh = Path(f"{name}.new")
    fresh.unlink(missing_ok=True)
    fresh.write_text(json.dumps(fields), encoding="ascii")
    fresh.replace(name)


def main() -> None:
    """Read an order from standard input, start its agent, answer on standard output, and serve.

    The order is a JSON object: ``directory``, ``token``, ``command``, ``cwd``, ``env``, ``umask``, what is to
    be in the ``record``, and ``held``, the descriptor of a lock that is kept as long as this process lives.
    """
    order = json.load(sys.stdin)
    if os.fork():
        os._exit(0)  # so that the command that waits for this process is not the parent of the one that stays
    os.set_inheritable(order["held"], False)
    for number in _HARMLESS:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        supervisor, agent = _start(order)
    except (StartError, OSError) as error:
        _answer({"error": str(error)})
        os._exit(1)
    _answer({"supervisor": os.getpid(), "agent": agent.pid})
    status = supervisor.run()
    with contextlib.suppress(OSError):
        write_whole(ENDED, {"status": status, "at": time.time()})
    supervisor.say_farewell()
    os._exit(0)


def _start(order: dict[str, Any]) -> tuple[Supervisor, Process]:
    os.chdir(order["directory"])
    os.umask(0o177)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(SOCKET)  # relative to the directory, as the whole path may be longer than a socket's may be
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    terminal = Terminal(order["command"], order["cwd"], order["env"], rows=ROWS, columns=COLUMNS, umask=order["umask"])
    supervisor = Supervisor(order["token"], terminal, listener)
    agent = Process.identify(terminal.pid)
    own = Process.identify(os.getpid())
    processes = {"supervisor": [own.pid, own.start], "agent": [agent.pid, agent.start]}
    try:
        write_whole(RECORD, {**order["record"], **processes})
    except OSError:
        agent.send(signal.SIGKILL)
        raise
    return supervisor, agent


def _answer(fields: dict[str, Any]) -> None:
    """Tell the command that waits, and let go of its pipes."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(fields).encode())
    for name, flags, descriptors in ((os.devnull, os.O_RDWR, (0, 1)), (LOG, os.O_WRONLY | os.O_CREAT, (2,))):
        with contextlib.suppress(OSError):
            opened = os.open(name, flags, 0o600)
            for descriptor in descriptors:
                os.dup2(opened, descriptor)
            os.close(opened)
