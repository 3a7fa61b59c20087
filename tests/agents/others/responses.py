"""A stand-in for OpenAI's Responses API, as Codex uses it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from agents.others.serving import ANSWER, Request, StandIn, identity

_ADDED = ("<environment_context>", "<user_shell_command>", "<turn_aborted>", "<permissions", "# AGENTS.md")


class ResponsesApi(StandIn):
    """Answers ``POST /v1/responses``."""

    def read(self, path: str, body: dict[str, Any]) -> Request | None:
        if not path.endswith("/responses") or not body.get("tools"):
            return None
        messages = [item for item in body["input"] if item.get("role") != "developer"]
        users = [item for item in messages if item.get("role") == "user"]
        said = [part["text"] for item in users for part in item["content"] if not part["text"].startswith(_ADDED)]
        return Request(time.time(), said, bool(said) and messages[-1].get("role") == "user", body)

    def answer(self, path: str, body: dict[str, Any], kind: str) -> Iterator[str]:
        response = {"id": identity("resp"), "output": []}
        yield _event("response.created", response={**response, "status": "in_progress"})
        if kind == "RUN":
            wish = {"cmd": "touch made-by-tool", "sandbox_permissions": "require_escalated", "justification": "may I?"}
            call = {"name": "exec_command", "arguments": json.dumps(wish), "call_id": identity("call")}
            item = {"type": "function_call", "id": identity("fc"), "status": "completed", **call}
        else:
            text = {"type": "output_text", "text": ANSWER, "annotations": []}
            item = {"type": "message", "id": identity("msg"), "role": "assistant", "content": [text]}
            yield _event("response.output_item.added", output_index=0, item={**item, "content": []})
            yield _event("response.output_text.delta", output_index=0, item_id=item["id"], delta=ANSWER)
        yield _event("response.output_item.done", output_index=0, item=item)
        usage = {"input_tokens": 10, "output_tokens": 2, "total_tokens": 12}
        yield _event("response.completed", response={**response, "status": "completed", "usage": usage})


def _event(kind: str, **fields: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"
