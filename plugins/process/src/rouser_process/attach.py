"""The terminal client: shows an agent's terminal in this one, and types there what is typed here."""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import signal
import socket
import sys
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from rouser import RUNTIME_VARIABLE, HookError
from rouser_process.client import UnreachableError, connected, read_line, silence
from rouser_process.handle import Handle
from rouser_process.protocol import ENDED, KEYS, frame, line, window

_SECONDS: Final = 5.0
_CHUNK: Final = 65536
_KEY_NAME: Final = "ctrl-\\"
# As it is, and as terminals send it once a program asked them for the keyboard protocol of kitty or xterm.
_DETACH: Final = re.compile(rb"\x1c|\x1b\[92;5u|\x1b\[27;5;92~")
# Whatever the agent asked of its terminal, this one was asked too: the usual screen, a visible cursor, plain text,
# no reports of mouse, focus, pastes or keys.
_RESET: Final = (
    b"\x1b[?1049l\x1b[?25h\x1b[0m\x1b[r\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[?2004l"
    b"\x1b[?2026l\x1b[<u\x1b[>4m\x1b[?1l\x1b>\x1b[999B"
)


class _Ended(Exception):  # noqa: N818 - not an error
    """The process was told to end; what was changed is put right on the way out."""


def attach(handle: Handle) -> None:
    """Stay attached until the detach key, the end of the agent, or the end of this terminal.

    :raises HookError: there is no terminal here, or no agent there.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise HookError("to attach, standard input and output must be a terminal")
    if os.environ.get(RUNTIME_VARIABLE) == handle.token:
        raise HookError(f"this is the terminal of {handle.name}; it cannot show itself")
    try:
        with connected(handle, _SECONDS) as channel:
            channel.sendall(line({"do": "attach", "token": handle.token}))
            answer = json.loads(read_line(channel, time.monotonic() + _SECONDS) or b"{}")
            if not answer.get("ok"):
                raise HookError(f"the supervisor of {handle.name} refused: {answer.get('why', 'it ended')}")
            sys.stdout.write(f"[attached to {handle.name}; {_KEY_NAME} detaches]\r\n")
            sys.stdout.flush()
            with _raw_terminal():
                detached = _run(channel)
    except UnreachableError as error:
        raise HookError(f"{error}; has the agent ended? see rouser logs {handle.session_id[:8]}") from error
    except TimeoutError:
        raise HookError(silence(handle, _SECONDS)) from None
    except OSError as error:
        raise HookError(f"the connection to {handle.name} was lost: {error.strerror}") from error
    except _Ended:
        return
    sys.stdout.write(f"\n[{'detached' if detached else _epitaph(handle)}]\n")


@contextmanager
def _raw_terminal() -> Iterator[None]:
    """Pass keys on as they are pressed, and put the terminal right afterwards, whatever happens."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    handlers = {number: signal.signal(number, _end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        tty.setraw(descriptor)
        yield
    finally:
        with contextlib.suppress(OSError):
            _write(_RESET)
        with contextlib.suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _end(*_: object) -> None:
    raise _Ended


def _run(channel: socket.socket) -> bool:
    """Pass on what comes from both sides; return whether people detached rather than the agent ended."""
    wakeup, noise = socket.socketpair()
    for end in (wakeup, noise):
        end.setblocking(False)
    channel.settimeout(_SECONDS)
    before = signal.set_wakeup_fd(noise.fileno())
    resized = signal.signal(signal.SIGWINCH, lambda *_: None)
    selector = selectors.DefaultSelector()
    with wakeup, noise, selector:
        try:
            for source in (sys.stdin.fileno(), channel, wakeup):
                selector.register(source, selectors.EVENT_READ)
            channel.sendall(_window())
            while True:
                for key, _ in selector.select():
                    if key.fileobj is wakeup:
                        wakeup.recv(_CHUNK)
                        channel.sendall(_window())
                    elif key.fileobj is channel:
                        data = channel.recv(_CHUNK)
                        if not data:
                            return False
                        _write(data)
                    elif not _type(channel):
                        return True
        finally:
            signal.signal(signal.SIGWINCH, resized)
            signal.set_wakeup_fd(before)


def _type(channel: socket.socket) -> bool:
    """Pass on what was typed here up to the detach key; return whether there was none."""
    keys = os.read(sys.stdin.fileno(), _CHUNK)
    detach = _DETACH.search(keys)
    typed = keys[: detach.start()] if detach else keys
    if typed:
        channel.sendall(frame(KEYS, typed))
    return bool(keys) and detach is None


def _window() -> bytes:
    size = os.get_terminal_size(sys.stdin.fileno())
    return window(size.lines, size.columns)


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(sys.stdout.fileno(), view) :]


def _epitaph(handle: Handle) -> str:
    """Return how the agent ended."""
    try:
        fields: dict[str, Any] = json.loads((handle.place / ENDED).read_bytes())
        status = int(fields["status"])
    except (OSError, ValueError, KeyError, TypeError):
        return "the agent or its supervisor ended"
    if status < 0:
        return f"the agent was ended by {signal.Signals(-status).name}"
    return f"the agent ended with exit status {status}"
