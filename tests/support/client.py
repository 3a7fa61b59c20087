"""A stand-in that leaves on disk what the client of Claude Code leaves there, and takes the same arguments."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

SOURCE = """
import json, os, pathlib, signal, sys, time, uuid
from datetime import datetime, UTC

arguments = sys.argv[1:]
if "--version" in arguments:
    print("2.1.330 (a stand-in)")
    sys.exit()
words = arguments[arguments.index("--") + 1 :] if "--" in arguments else []
if not words and arguments and not arguments[-1].startswith("-") and len(arguments) % 2:
    words = arguments[-1:]
known = {name: arguments[arguments.index(name) + 1] for name in ("--session-id", "--resume") if name in arguments}
identity = known.get("--resume") or known.get("--session-id") or str(uuid.uuid4())
home = pathlib.Path(os.environ.get("CLAUDE_CONFIG_DIR") or pathlib.Path.home() / ".claude")
cwd = os.getcwd()
found = list(home.glob(f"projects/*/{identity}.jsonl"))
if "--resume" in known and not found:
    print("No conversation found with session ID:", identity)
    sys.exit(1)
if "--session-id" in known and found:
    print(f"Error: Session ID {identity} is already in use.")
    sys.exit(1)
transcript = found[0] if found else home / "projects" / cwd.replace("/", "-") / f"{identity}.jsonl"
entry = home / "sessions" / f"{os.getpid()}.json"
for path in (transcript, entry):
    path.parent.mkdir(parents=True, exist_ok=True)


def branch():
    for place in (pathlib.Path(cwd), *pathlib.Path(cwd).parents):
        if (place / ".git" / "HEAD").exists():
            return (place / ".git" / "HEAD").read_text().strip().removeprefix("ref: refs/heads/")
    return ""


def register(status):
    moment = int(time.time() * 1000)
    started = pathlib.Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    values = {"pid": os.getpid(), "sessionId": identity, "cwd": cwd, "startedAt": moment, "procStart": started}
    values |= {"status": status, "updatedAt": moment, "statusUpdatedAt": moment, "kind": "interactive"}
    temporary = entry.with_suffix(".part")
    temporary.write_text(json.dumps(values))
    temporary.replace(entry)


def write(**record):
    record |= {"uuid": str(uuid.uuid4()), "timestamp": datetime.now(UTC).isoformat(), "cwd": cwd}
    record |= {"sessionId": identity, "isSidechain": False, "gitBranch": branch(), "version": "2.1.330"}
    with transcript.open("a") as file:
        print(json.dumps(record, separators=(",", ":")), file=file)


def say(text):
    register("busy")
    write(type="user", message={"role": "user", "content": text})
    answer = {"role": "assistant", "content": [{"type": "text", "text": "done"}], "stop_reason": "end_turn"}
    write(type="assistant", message=answer)
    print("answered:", text, flush=True)
    register("idle")


def end(*_):
    entry.unlink(missing_ok=True)
    os._exit(0)


signal.signal(signal.SIGHUP, end)
signal.signal(signal.SIGTERM, end)
with open(os.environ["RECORD"], "a") as record:
    session = os.environ.get("ROUSER_SESSION_ID", "-")
    how = "resumed" if "--resume" in known else "fresh"
    print("start", session, os.getpid(), cwd, how, identity, file=record)
register("idle")
print("client up", flush=True)
for text in words:
    say(text)
for line in sys.stdin:
    say(line.rstrip("\\n"))
end()
"""


class Client:
    """The stand-in below a directory, and what its runs have left.

    :param root: where the program and its configuration directory are.
    """

    def __init__(self, root: Path) -> None:
        self.home = root / "claude-home"
        self.program = root / "claude"
        self.program.write_text(f"#!{sys.executable} -SE\n{SOURCE}")
        self.program.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """What rouser and the user's shells need, so that the program stands for the client."""
        return {"ROUSER_CLAUDE_CODE_EXECUTABLE": str(self.program), "CLAUDE_CONFIG_DIR": str(self.home)}

    def prompts(self, identity: str) -> list[str]:
        """Return what was said to the client in a conversation."""
        (path,) = self.home.glob(f"projects/*/{identity}.jsonl")
        records = [json.loads(line) for line in path.read_text().splitlines()]
        return [record["message"]["content"] for record in records if record["type"] == "user"]

    def registered(self) -> dict[str, list[dict[str, Any]]]:
        """Return the entries of processes by the conversations that they have open, dead ones among them."""
        found: dict[str, list[dict[str, Any]]] = {}
        for path in self.home.glob("sessions/*.json"):
            entry = json.loads(path.read_text())
            found.setdefault(entry["sessionId"], []).append(entry)
        return found
