"""One client of a supervisor: somebody who asks, sends a message, or is attached."""

from __future__ import annotations

import json
import os
import socket
import struct
from typing import TYPE_CHECKING, Any, Final

from rouser_process.protocol import KEYS, LARGEST_MESSAGE, LONGEST_REQUEST, line, take_frame, window_size

if TYPE_CHECKING:
    from rouser_process.supervisor import Supervisor

_CHUNK: Final = 256 * 1024
_MOST_UNREAD: Final = 4 * 1024 * 1024
_CREDENTIALS: Final = struct.Struct("3i")


class Connection:
    """What a client has sent so far, and what it has yet to be sent.

    :ivar is_attached: whether the client is to be shown what the terminal shows.
    :ivar unsent: what it has not read yet.
    :ivar ends: whether the connection is closed once all of that is sent.
    """

    def __init__(self, supervisor: Supervisor, channel: socket.socket) -> None:
        self._supervisor = supervisor
        self.channel = channel
        self.channel.setblocking(False)
        self.is_attached = False
        self.unsent = bytearray()
        self.ends = False
        self._received = bytearray()
        self._request: dict[str, Any] | None = None
        self._expected = 0

    def show(self, data: bytes) -> None:
        """Send what the terminal shows; one who does not read it is let go, so that memory stays bounded."""
        self.unsent += data
        if len(self.unsent) > _MOST_UNREAD:
            self._supervisor.drop(self)

    def was_typed(self) -> None:
        """Tell that the message was typed."""
        self._answer(ok=True)

    def receive(self) -> None:
        """Read what has come, and act on what is complete."""
        try:
            data = self.channel.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._supervisor.drop(self)
            return
        self._received += data
        try:
            self._act()
        except (ValueError, KeyError, TypeError, struct.error):
            self._answer(ok=False, why="no such request")

    def send(self) -> None:
        """Send as much as the client takes now."""
        try:
            sent = self.channel.send(self.unsent)
        except BlockingIOError:
            return
        except OSError:
            self._supervisor.drop(self)
            return
        del self.unsent[:sent]
        if self.ends and not self.unsent:
            self._supervisor.drop(self)

    def _act(self) -> None:
        if self._request is None:
            if b"\n" not in self._received:
                if len(self._received) > LONGEST_REQUEST:
                    raise ValueError
                return
            request, _, rest = self._received.partition(b"\n")
            self._received = rest
            self._request = json.loads(request)
            self._begin(self._request)
        if self.is_attached:
            self._take_frames()
        elif self._expected and len(self._received) >= self._expected:
            text, self._expected = bytes(self._received[: self._expected]), 0
            self._received.clear()
            self._supervisor.paste(text, self)

    def _begin(self, request: dict[str, Any]) -> None:
        if request["token"] != self._supervisor.token:
            self._answer(ok=False, why="this is another runtime")
        elif request["do"] == "ask":
            self._answer(ok=True)
        elif request["do"] == "send" and 0 < request["size"] <= LARGEST_MESSAGE:
            self._expected = request["size"]
        elif request["do"] == "attach":
            self._answer(ok=True, more=True)
            self.unsent += self._supervisor.recent()
            self.is_attached = True
        else:
            raise ValueError

    def _take_frames(self) -> None:
        while (found := take_frame(self._received)) is not None:
            kind, data = found
            if kind == KEYS:
                self._supervisor.press(data)
            else:
                self._supervisor.resize(*window_size(data))

    def _answer(self, *, more: bool = False, **fields: object) -> None:
        self.unsent += line(fields)
        self.ends = not more


def is_of_our_user(channel: socket.socket) -> bool:
    """Return whether the process at the other end belongs to the user that this one belongs to."""
    raw = channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return bool(_CREDENTIALS.unpack(raw)[1] == os.geteuid())
