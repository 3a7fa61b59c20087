"""A stand-in for Google's Gemini API, as Gemini CLI uses it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

from agents.others.serving import ANSWER, Request, StandIn, events, identity

_ADDED = ("<session_context>", "<hook_context>")
_FILE = re.compile(r"(/\S+\.md)\s*\Z")


class GenerateContentApi(StandIn):
    """Answers ``POST /v1beta/models/<model>:streamGenerateContent`` and its side errands.

    A path that ends in ``.md`` at the end of what was said is answered with the tool that reads the file.
    """

    def read(self, path: str, body: dict[str, Any]) -> Request | None:
        if "streamGenerateContent" not in path or not body.get("tools"):
            return None
        contents = body["contents"]
        users = [part.get("text", "") for item in contents if item["role"] == "user" for part in item["parts"]]
        said = [text for text in users if text and not text.startswith(_ADDED)]
        last = contents[-1]
        is_prompt = last["role"] == "user" and any(part.get("text") for part in last["parts"])
        return Request(time.time(), said, bool(said) and is_prompt, body)

    def answer(self, path: str, body: dict[str, Any], kind: str) -> Iterator[str]:
        if "streamGenerateContent" not in path:
            yield json.dumps(_response({"text": json.dumps({"model_choice": "flash", "next_speaker": "user"})}))
            return
        last = body["contents"][-1]["parts"][-1]
        file = _FILE.search(last.get("text", ""))
        if kind == "HANG":
            yield from events(_response({"text": "Under"}, reason=None))
            yield from events(_response({"text": "stood."}))
        elif kind == "RUN":
            command = {"command": "touch made-by-tool", "description": "touch"}
            yield from events(_response({"functionCall": {"name": "run_shell_command", "args": command}}))
        elif file and body.get("tools"):
            yield from events(_response({"functionCall": {"name": "read_file", "args": {"file_path": file.group(1)}}}))
        else:
            yield from events(_response({"text": ANSWER}))


def _response(part: dict[str, Any], reason: str | None = "STOP") -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": [part]}, "index": 0} | (
        {"finishReason": reason} if reason else {}
    )
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 2, "totalTokenCount": 12}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m", "responseId": identity("r")}
