"""Ask supervisors, with a deadline; one that is stopped or hangs is never waited for longer than that."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rouser import HookError, time_left
from rouser_process.handle import Handle
from rouser_process.protocol import LONGEST_REQUEST, SOCKET, line

_CHUNK: Final = 1024 * 1024


class UnreachableError(HookError):
    """There is no supervisor at the socket of a runtime."""


@contextmanager
def connected(handle: Handle, seconds: float) -> Iterator[socket.socket]:
    """Provide a connection to a supervisor, whose waiting takes ``seconds`` at most, each time.

    :raises UnreachableError: there is no socket, or nobody listens at it.
    :raises HookError: access is denied, or too many wait already.
    """
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    channel.settimeout(max(0.01, seconds))
    try:
        with _short(handle.place) as place:
            channel.connect(f"{place}/{SOCKET}")
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        channel.close()
        raise UnreachableError(f"nobody listens at the socket of {handle.name} in {handle.place}") from None
    except OSError as error:
        channel.close()
        why = error.strerror or "it does not answer"
        raise HookError(f"the supervisor of {handle.name} cannot be asked: {why}; look at {handle.place}") from error
    with channel:
        yield channel


def request(
    handle: Handle, fields: Mapping[str, Any], payload: bytes = b"", seconds: float | None = None
) -> dict[str, Any]:
    """Send a request and return its answer.

    :param seconds: how long it may take; what the hook call has left if that is less.
    :raises UnreachableError: there is no supervisor.
    :raises HookError: it refused, or did not answer in time.
    """
    seconds = min(time_left(), seconds or time_left())
    give_up = time.monotonic() + seconds
    try:
        with connected(handle, seconds) as channel:
            _send(channel, line({**fields, "token": handle.token}) + payload, give_up)
            return _answer(handle, read_line(channel, give_up))
    except TimeoutError:
        raise HookError(silence(handle, seconds)) from None
    except ConnectionError as error:
        raise UnreachableError(f"the supervisor of {handle.name} ended while it was being asked; try again") from error


def ask_all(handles: Iterable[Handle], seconds: float) -> set[Handle]:
    """Return those whose supervisors answer, all of which are asked at the same time."""
    answered: set[Handle] = set()
    with contextlib.ExitStack() as stack:
        waiting: dict[int, tuple[Handle, socket.socket]] = {}
        for handle in handles:
            with contextlib.suppress(HookError, OSError):
                channel = stack.enter_context(connected(handle, 0.1))
                channel.sendall(line({"do": "ask", "token": handle.token}))
                waiting[channel.fileno()] = (handle, channel)
        poll = select.poll()
        for descriptor in waiting:
            poll.register(descriptor, select.POLLIN)
        give_up = time.monotonic() + seconds
        while waiting and (left := give_up - time.monotonic()) > 0:
            for descriptor, _ in poll.poll(left * 1000):
                poll.unregister(descriptor)
                handle, channel = waiting.pop(descriptor)
                with contextlib.suppress(HookError, OSError):
                    _answer(handle, channel.recv(LONGEST_REQUEST))
                    answered.add(handle)
    return answered


def read_line(channel: socket.socket, give_up: float) -> bytes:
    """Return the line that comes next, and no more than that.

    :raises TimeoutError: it does not come in time.
    """
    received = bytearray()
    while not received.endswith(b"\n"):
        channel.settimeout(max(0.01, give_up - time.monotonic()))
        byte = channel.recv(1)
        if not byte:
            break
        received += byte
    return bytes(received)


def silence(handle: Handle, seconds: float) -> str:
    """Return what to say of a supervisor that did not answer."""
    return (
        f"the supervisor of {handle.name} (process {handle.supervisor.pid}) did not answer within {seconds:.1f} s;"
        " it may be stopped or overloaded, try again"
    )


def _send(channel: socket.socket, data: bytes, give_up: float) -> None:
    view = memoryview(data)
    while view:
        channel.settimeout(max(0.01, give_up - time.monotonic()))
        view = view[channel.send(view[:_CHUNK]) :]


def _answer(handle: Handle, received: bytes) -> dict[str, Any]:
    if not received.endswith(b"\n"):
        raise UnreachableError(f"the supervisor of {handle.name} ended while it was being asked; try again")
    answer: dict[str, Any] = json.loads(received)
    if not answer.get("ok"):
        raise HookError(f"the supervisor of {handle.name} refused: {answer.get('why')}")
    return answer


@contextmanager
def _short(directory: Path) -> Iterator[str]:
    """Provide a path of a directory that is short enough for the address of a socket, which is 107 bytes at most."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
