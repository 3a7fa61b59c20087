"""Scripts that look to plugins of agents like live processes of their clients, and sessions for these."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from support.sessions import spawned_session

from rouser import Session


def sessions_of(agent: str, directory: Path) -> Callable[..., Session]:
    """Return a function that makes a session of an agent, spawned just now in ``directory``/shop, from any fields."""
    (directory / "shop").mkdir()
    return partial(
        spawned_session,
        id=str(uuid.uuid4()),  # seen by tests in other processes
        agent=agent,
        workspace_path=directory / "shop",
        repository=directory,
        branch="rouser/x",
        task="fix the flaky test",
    )


@contextmanager
def scripted_clients(program: Path, script: str) -> Iterator[Callable[..., int]]:
    """Write a program, and provide what starts it in a directory with arguments and variables and returns its pid.

    A script's process has the script's name, as the client's has the client's.

    :param script: what it does, in Python: it says ``up``, and ends when its standard input does.
    """
    program.write_text(f"#!{sys.executable}\n{script}")
    program.chmod(0o755)
    started: list[subprocess.Popen[str]] = []

    def start(directory: Path, *arguments: str, environment: Mapping[str, str]) -> int:
        process = subprocess.Popen(
            [program, *arguments],
            env=environment,
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        return process.pid

    yield start
    for process in started:
        process.communicate("", timeout=30)
