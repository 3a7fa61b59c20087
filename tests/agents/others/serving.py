"""What the stand-ins for the APIs have in common: a server on the loopback interface that keeps what was said to it."""

from __future__ import annotations

import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

ANSWER = "Understood."


@dataclass(frozen=True)
class Request:
    """A request of a main conversation.

    :ivar at: when it had arrived, in seconds since the epoch.
    :ivar said: what the person said, message by message, without what the client put around it.
    :ivar carries_prompt: whether it is the first one for the last thing that was said.
    :ivar body: the JSON that arrived.
    """

    at: float
    said: list[str]
    carries_prompt: bool
    body: dict[str, Any]


class StandIn(ABC):
    """The server, in threads of this process; a subclass for each API.

    What was said last decides the answer: ``ANSWER-FAIL`` an error that is no use to retry, ``ANSWER-HANG`` one that
    begins and does not end, ``ANSWER-RUN`` the tool that runs a command, for which the client has to ask, anything
    else one sentence.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @abstractmethod
    def read(self, path: str, body: dict[str, Any]) -> Request | None:
        """Return the request of a main conversation; None for a side errand, such as a title."""

    @abstractmethod
    def answer(self, path: str, body: dict[str, Any], kind: str) -> Iterator[str]:
        """Yield the pieces of the stream that answers; ``kind`` is the mark that was said last, or empty."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def prompts(self) -> list[str]:
        """Return what was said last in each request that carried something new, in order of arrival."""
        return [request.said[-1] for request in list(self.requests) if request.carries_prompt]

    def note(self, path: str, body: dict[str, Any]) -> str:
        """Keep a request, and return which answer it wants."""
        request = self.read(path, body)
        if request is None:
            return ""
        self.requests.append(request)
        if not request.carries_prompt:
            return ""
        return next((kind for kind in ("FAIL", "HANG", "RUN") if f"ANSWER-{kind}" in request.said[-1]), "")


def events(*pieces: dict[str, Any]) -> Iterator[str]:
    """Yield server-sent events without names."""
    for piece in pieces:
        yield f"data: {json.dumps(piece)}\n\n"


def _handler_for(stand_in: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        owner = stand_in

    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: StandIn

    def log_message(self, *_: object) -> None:
        """Stay quiet."""

    def do_GET(self) -> None:
        self._json(404, {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        kind = self.owner.note(self.path, body)
        if kind == "FAIL":
            self._json(
                400, {"error": {"code": 400, "type": "invalid_request_error", "message": "the stand-in says no"}}
            )
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for number, piece in enumerate(self.owner.answer(self.path, body, kind)):
                if number and kind == "HANG":
                    self.owner.over.wait(600)
                self.wfile.write(piece.encode())
                self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError):
            return  # the client was killed, which is what most tests are about

    def _json(self, status: int, value: dict[str, Any]) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def identity(prefix: str) -> str:
    """Return an id that was not given before."""
    return f"{prefix}_{time.time_ns()}"
