"""What Gemini CLI 0.61.0 leaves behind, shortened to what the plugin reads."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def moment(offset: float = 0.0) -> str:
    """Return a time as the client writes it, ``offset`` seconds from now."""
    at = datetime.fromtimestamp(time.time() + offset, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def line(**fields: Any) -> str:
    return json.dumps(fields, separators=(",", ":")) + "\n"


def said(text: str, offset: float = 3600.0) -> str:
    """Return a prompt, later than any process of a test began."""
    return line(id="u", timestamp=moment(offset), type="user", content=[{"text": text}])


def answered(*calls: dict[str, Any], offset: float = 3600.0) -> str:
    more = {"toolCalls": list(calls)} if calls else {}
    return line(id="g", timestamp=moment(offset), type="gemini", content="Understood.", **more)


def put_chat(
    home: Path,
    directory: Path,
    conversation_id: str,
    *prompts: str,
    time_part: str = "2026-11-27T03-07",
    more: str = "",
) -> Path:
    """Write the record of a conversation and return its path."""
    project = home / "tmp" / directory.name
    path = project / "chats" / f"session-{time_part}-{conversation_id[:8]}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    (project / ".project_root").write_text(str(directory))
    context = {"type": "user", "content": [{"text": "<session_context>\nThis is the Gemini CLI."}]}
    head = line(sessionId=conversation_id, startTime=moment(), kind="main") + line(**{"$set": {"messages": [context]}})
    turns = "".join(said(prompt, 0.0) + line(**{"$set": {"lastUpdated": moment()}}) + answered() for prompt in prompts)
    path.write_text(head + turns + more)
    return path
