"""What Codex 0.171.0 leaves behind, shortened to what the plugin reads."""

from __future__ import annotations

import json
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def moment(offset: float = 0.0) -> str:
    """Return a time as the client writes it, ``offset`` seconds from now."""
    at = datetime.fromtimestamp(time.time() + offset, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def line(kind: str, payload: dict[str, Any], offset: float = 0.0) -> str:
    return json.dumps({"timestamp": moment(offset), "type": kind, "payload": payload}, separators=(",", ":")) + "\n"


def said(text: str, offset: float = 0.0) -> str:
    content = [{"type": "text", "text": text, "text_elements": []}]
    item = {"type": "UserMessage", "id": str(uuid.uuid4()), "content": content}
    return line("event_msg", {"type": "item_completed", "item": item}, offset)


def started(offset: float = 3600.0) -> str:
    """Return the beginning of a turn, later than any process of a test."""
    return line("event_msg", {"type": "task_started", "turn_id": "t"}, offset)


def completed(error: str | None = None) -> str:
    found: dict[str, Any] = {"type": "task_complete", "turn_id": "t", "last_agent_message": "Understood."}
    return line("event_msg", found | ({"error": {"message": error, "codex_error_info": "other"}} if error else {}))


def called(name: str, **arguments: Any) -> str:
    call = {"type": "function_call", "name": name, "arguments": json.dumps(arguments), "call_id": "c"}
    return line("response_item", call)


def answered() -> str:
    return line("response_item", {"type": "function_call_output", "call_id": "c", "output": ""})


def put_rollout(
    home: Path,
    directory: Path,
    *prompts: str,
    conversation_id: str | None = None,
    source: Any = "cli",
    offset: float = 0.0,
    more: str = "",
) -> str:
    """Write a conversation's record and return its id."""
    conversation_id = conversation_id or str(uuid.uuid4())
    meta = {
        "id": conversation_id,
        "timestamp": moment(offset),
        "cwd": str(directory),
        "originator": "codex-tui",
        "cli_version": "0.171.0",
        "source": source,
        "git": {"branch": "rouser/x"},
    }
    context = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "<environment_context>"}]}
    path = home / "sessions" / "2026" / "11" / "27" / f"rollout-2026-11-27T02-16-58-{conversation_id}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    turns = "".join(started() + said(prompt, offset) + completed() for prompt in prompts)
    path.write_text(line("session_meta", meta, offset) + line("response_item", context, offset) + turns + more)
    return conversation_id


def put_snapshot(home: Path, conversation_id: str, session_id: str, offset: float = 0.0, more: str = "") -> Path:
    """Write the snapshot of the shell that the client makes when it opens a conversation."""
    at = time.time_ns() + int(offset * 1e9)
    path = home / "shell_snapshots" / f"{conversation_id}.{at}.sh"
    path.parent.mkdir(parents=True, exist_ok=True)
    exports = f'declare -x HOME="/home/dev"\ndeclare -x ROUSER_SESSION_ID="{session_id}"\ndeclare -x TERM="xterm"\n'
    path.write_text(f"# exports (native declarations)\n{exports}{more}")
    return path
