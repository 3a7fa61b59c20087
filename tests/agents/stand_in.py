"""A stand-in for the Messages API on the loopback interface: keeps every request body, streams a short answer.

What the last message of a request contains decides the answer:

- ``ANSWER-FAIL``: an error that is no use to retry
- ``ANSWER-HANG``: the answer begins and does not end
- ``ANSWER-ASK``: the tool with which the client puts a question to the person
- ``ANSWER-RUN``: the tool that runs a command, which the client has to ask permission for
- a path that ends in ``.md``: the tool that reads the file, all of it
- anything else: one sentence
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

ANSWER = "Understood."
_FILE = re.compile(r"(/\S+\.md)\b")
_QUESTION = {
    "questions": [
        {
            "question": "Which one?",
            "header": "Pick",
            "multiSelect": False,
            "options": [{"label": "One", "description": "first"}, {"label": "Two", "description": "second"}],
        }
    ]
}


@dataclass(frozen=True)
class Request:
    """A request of a main conversation: one that offers tools.

    :ivar at: when it had arrived, in seconds since the epoch.
    :ivar body: the JSON that arrived.
    """

    at: float
    body: dict[str, Any]

    @property
    def said(self) -> list[str]:
        """What the person said, message by message, without what the client put around it."""
        return list(said(self.body))

    @property
    def carries_prompt(self) -> bool:
        """Whether the request is the first one for the last thing that was said."""
        messages = [message for message in self.body["messages"] if message["role"] != "system"]
        return bool(messages) and messages[-1]["role"] == "user" and bool(list(_texts(messages[-1])))


def said(body: dict[str, Any]) -> Iterator[str]:
    """Yield each text in the user messages of a request that the client did not add by itself."""
    for message in body.get("messages", []):
        if message.get("role") == "user":
            yield from _texts(message)


def _texts(message: dict[str, Any]) -> Iterator[str]:
    content = message["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    for block in blocks:
        text = block.get("text", "") if block.get("type") == "text" else ""
        if text and not text.startswith(("<system-reminder>", "<command-", "<local-command-", "[Request interrupted")):
            yield text


def _tool_calls(messages: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the blocks with which the model called tools."""
    for message in messages:
        if message["role"] == "assistant":
            yield from (block for block in message["content"] if block.get("type") == "tool_use")


@dataclass
class StandIn:
    """The server, in threads of this process."""

    seconds_per_answer: float = 0.0
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than the server runs."""
        self._over.wait(seconds)

    def prompts(self) -> list[str]:
        """Return what was said last in each request that carried something new, in order of arrival."""
        return [request.said[-1] for request in list(self.requests) if request.carries_prompt]

    def read(self, path: str) -> str | None:
        """Return what the model read of a file, the line numbers taken off; None if it has read nothing yet."""
        for request in list(self.requests):
            messages = request.body["messages"]
            ours = {call["id"] for call in _tool_calls(messages) if call["input"].get("file_path") == path}
            blocks = messages[-1]["content"] if isinstance(messages[-1]["content"], list) else []
            for block in blocks:
                if block.get("tool_use_id") in ours and not block.get("is_error"):
                    return "\n".join(line.partition("\t")[2] for line in block["content"].split("\n"))
        return None


def _handler_for(stand_in: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        owner = stand_in

    return Handler


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: StandIn

    def log_message(self, *_: object) -> None:
        """Stay quiet."""

    def do_HEAD(self) -> None:
        self._json(200, {}, with_body=False)

    def do_GET(self) -> None:
        self._json(200, {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        if "count_tokens" in self.path:
            self._json(200, {"input_tokens": 10})
        elif not body.get("tools"):  # a side errand, such as a title for the conversation
            self._stream(body, [_text_block('{"title":"a title"}')])
        else:
            self.owner.requests.append(Request(time.time(), body))
            self._answer(body)

    def _answer(self, body: dict[str, Any]) -> None:
        last = next(message for message in reversed(body["messages"]) if message["role"] == "user")
        text = " ".join(_texts(last))
        if not text and "allow_large" in json.dumps(last["content"]):  # too long to be read by the way
            (read,) = _tool_calls(body["messages"][-2:])
            self._stream(body, [_tool_block("Read", {**read["input"], "allow_large": True})])
        elif not text:
            self._stream(body, [_text_block("Done.")])
        elif "ANSWER-FAIL" in text:
            error = {"type": "invalid_request_error", "message": "the stand-in says no"}
            self._json(400, {"type": "error", "error": error})
        elif "ANSWER-HANG" in text:
            self._stream(body, [_text_block("Thinking")], hang=True)
        elif "ANSWER-ASK" in text:
            self._stream(body, [_tool_block("AskUserQuestion", _QUESTION)])
        elif "ANSWER-RUN" in text:
            self._stream(body, [_tool_block("Bash", {"command": "touch made-by-tool", "description": "touch"})])
        elif found := _FILE.search(text):
            self._stream(body, [_tool_block("Read", {"file_path": found.group(1)})])
        else:
            self._stream(body, [_text_block(ANSWER)])

    def _json(self, status: int, value: dict[str, Any], *, with_body: bool = True) -> None:
        data = json.dumps(value).encode() if with_body else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, body: dict[str, Any], blocks: list[dict[str, Any]], *, hang: bool = False) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for kind, data in _events(body, blocks):
                if kind == "content_block_stop":
                    self.owner.pause(600 if hang else self.owner.seconds_per_answer)
                self.wfile.write(f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode())
                self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError):
            return  # the client was killed, which is what most tests are about


def _text_block(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _tool_block(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{time.time_ns()}", "name": name, "input": arguments}


def _events(body: dict[str, Any], blocks: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the events of a streamed message, see "Streaming Messages" in the API's reference."""
    usage = {"input_tokens": 10, "output_tokens": 1}
    message = {"id": f"msg_{time.time_ns()}", "type": "message", "role": "assistant", "model": body.get("model")}
    start = {**message, "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    yield "message_start", {"message": start}
    for index, block in enumerate(blocks):
        if block["type"] == "text":
            empty, delta = {**block, "text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            empty = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield "content_block_start", {"index": index, "content_block": empty}
        yield "content_block_delta", {"index": index, "delta": delta}
        yield "content_block_stop", {"index": index}
    reason = "tool_use" if any(block["type"] == "tool_use" for block in blocks) else "end_turn"
    yield "message_delta", {"delta": {"stop_reason": reason, "stop_sequence": None}, "usage": {"output_tokens": 5}}
    yield "message_stop", {}
