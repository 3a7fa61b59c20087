"""Whole processes: started, waited for, and their peak memory."""

from __future__ import annotations

import atexit
import functools
import marshal
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

INSTALLED: Final = Path(__file__).parents[1] / ".cache" / "installed" / "bin"
"""Where rouser is installed from wheels, as people have it, with nothing else beside it."""
ROUSER: Final = str(INSTALLED / "rouser")
IMPORT_CLICK: Final = (str(INSTALLED / "python"), "-c", "import click")
IMPORT_NOTHING: Final = (str(INSTALLED / "python"), "-c", "")


def run(command: Sequence[str], environment: Mapping[str, str], *, status: int = 0, output: Path | None = None) -> int:
    """Run a command to its end and return its peak memory in KiB.

    :param status: the exit status that it must end with.
    :param output: where its standard output goes. None: nowhere.
    """
    program = shutil.which(command[0], path=environment["PATH"]) or command[0]
    with tempfile.NamedTemporaryFile() as errors:
        request = ([program, *command[1:]], dict(environment), str(output or os.devnull), errors.name)
        requests, answers = _spawner()
        marshal.dump(request, requests)
        requests.flush()
        ended, memory = marshal.load(answers)
        if os.waitstatus_to_exitcode(ended) != status:
            raise SystemExit(f"{' '.join(command)} ended with {ended}: {errors.read().decode()[-2000:]}")
    return int(memory)


@functools.cache
def _spawner() -> tuple[IO[bytes], IO[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(__file__).with_name("spawner.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd="/",
    )
    if process.stdin is None or process.stdout is None:
        raise AssertionError("both are pipes")
    atexit.register(process.wait)
    atexit.register(process.stdin.close)
    return process.stdin, process.stdout
