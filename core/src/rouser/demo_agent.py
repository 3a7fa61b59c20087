"""The stand-in agent of ``rouser demo``: needs no account, keeps a conversation, does visible work.

It prints where it runs and what it finds there, answers each line that it is sent, and writes it to a file
of its own, as real agents keep a transcript.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

NOTES: Final = "notes.txt"
CONVERSATIONS: Final = "ROUSER_DEMO_CONVERSATIONS"


def main() -> None:
    """Run until the input ends."""
    conversation = Path(os.environ[CONVERSATIONS]) / os.environ["ROUSER_SESSION_ID"]
    print(f"agent up in {Path.cwd()}")
    notes = Path(NOTES)
    if notes.exists():
        print(f"uncommitted {NOTES}: {notes.read_text(encoding='utf-8').strip()}")
    if "--resume" in sys.argv:
        prompts = conversation.read_text(encoding="utf-8").splitlines()
        print(f"resumed, {len(prompts)} prompt so far: {prompts[0]}")
    conversation.with_suffix(".parent").write_text(str(os.getppid()), encoding="utf-8")
    print("ready", flush=True)
    for line in sys.stdin:
        prompt = line.strip()
        with conversation.open("a", encoding="utf-8") as stream:
            stream.write(f"{prompt}\n")
        notes.write_text(f"work on: {prompt}\n", encoding="utf-8")
        print(f"working on: {prompt}", flush=True)


if __name__ == "__main__":
    main()
