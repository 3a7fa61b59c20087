"""A stand-in for OpenAI's Chat Completions API, as opencode uses it for providers that are compatible with it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

from agents.others.serving import ANSWER, Request, StandIn, events, identity

_FILE = re.compile(r"(/\S+\.md)\s*\Z")


class CompletionsApi(StandIn):
    """Answers ``POST /v1/chat/completions``.

    A path that ends in ``.md`` at the end of what was said is answered with the tool that reads the file.
    """

    def read(self, path: str, body: dict[str, Any]) -> Request | None:
        if not path.endswith("/chat/completions") or not body.get("tools"):
            return None
        messages = body["messages"]
        said = [_text_of(message) for message in messages if message["role"] == "user"]
        return Request(time.time(), said, messages[-1]["role"] == "user", body)

    def answer(self, path: str, body: dict[str, Any], kind: str) -> Iterator[str]:
        last = body["messages"][-1]
        file = _FILE.search(_text_of(last)) if last["role"] == "user" and body.get("tools") else None
        if kind == "RUN":
            delta = _call("bash", command="touch made-by-tool", description="touch")
        elif file:
            delta = _call("read", filePath=file.group(1))
        else:
            delta = {"content": ANSWER}
        yield from events(_chunk({"role": "assistant", **delta}))
        yield from events(_chunk({}, "tool_calls" if "tool_calls" in delta else "stop"))
        yield "data: [DONE]\n\n"


def _text_of(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def _call(tool: str, **arguments: str) -> dict[str, Any]:
    function = {"name": tool, "arguments": json.dumps(arguments)}
    return {"tool_calls": [{"index": 0, "id": identity("call"), "type": "function", "function": function}]}


def _chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
    return {
        "id": identity("c"),
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
    } | ({"usage": usage} if reason else {})
