"""Programs that stand for an agent in a terminal, and tell what reached them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from support.waiting import wait_for

# Writes down how it was started, and waits for the end of its input.
RECORDER = """
import json, os, sys
out = sys.argv[1]
status = open("/proc/self/status").read()
record = {
    "argv": [os.fsencode(a).hex() for a in sys.argv[2:]],
    "env": {k.hex(): v.hex() for k, v in os.environb.items()},
    "cwd": os.fsencode(os.getcwd()).hex(),
    "pid": os.getpid(),
    "sid": os.getsid(0),
    "tty": [os.isatty(fd) for fd in (0, 1, 2)],
    "fds": sorted(os.listdir("/proc/self/fd")),
    "ignored": status.partition("SigIgn:")[2].split()[0],
    "umask": status.partition("Umask:")[2].split()[0],
}
with open(out + ".part", "w") as file:
    json.dump(record, file)
os.rename(out + ".part", out)
sys.stdin.read()
"""

# Takes what is typed as it comes, and appends it to a file; a second argument asks for bracketed paste.
TYPIST = """
import os, sys, tty
tty.setraw(0)
with open(sys.argv[1], "wb", 0) as out:
    os.write(1, b"\\x1b[?2004hREADY" if len(sys.argv) > 2 else b"READY")
    while data := os.read(0, 65536):
        out.write(data)
"""

# Ignores what it can.
STUBBORN = """
import signal, time
for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
print("STUBBORN", flush=True)
while True:
    time.sleep(60)
"""


def python(code: str, *arguments: str) -> list[str]:
    """Return the argv that runs ``code`` quickly, whatever Python's configuration is."""
    return [sys.executable, "-S", "-E", "-c", code, *arguments]


def recorded(out: Path) -> dict[str, Any]:
    """Return what a recorder wrote down in ``out``, in bytes; wait until it has."""
    record: dict[str, Any] = json.loads(wait_for(lambda: out.exists() and out.read_text(), f"{out} is written"))
    record["argv"] = [bytes.fromhex(argument) for argument in record["argv"]]
    record["env"] = {bytes.fromhex(key): bytes.fromhex(value) for key, value in record["env"].items()}
    record["cwd"] = bytes.fromhex(record["cwd"])
    return record
