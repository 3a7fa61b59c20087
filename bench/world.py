"""A home, a repository and a tmux server of their own, with sessions to restore."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from bench.process import ROUSER, run

_GONE_SECONDS: Final = 20.0
AGENT: Final = ("sleep", "86400")
"""What runs in place of an agent: it costs next to nothing, so that the rest is seen."""


class World:
    """Everything that rouser and its peers touch, below one directory.

    :param scratch: where it is; a short path, as sockets are in it.
    :param sessions: how many sessions to put into it, each with a worktree and none with a runtime.
    """

    def __init__(self, scratch: Path, stack: ExitStack, sessions: int = 0) -> None:
        self.root: Final = scratch
        self.socket: Final = scratch / "tmux.sock"
        self.repository: Final = scratch / "shop"
        self.worktrees: Final = scratch / "worktrees"
        self.home: Final = scratch / "home"
        (scratch / "tmux.conf").touch()
        self.environment: Final = _environment(scratch) | {"ROUSER_TMUX_SOCKET": str(self.socket)}
        self.count: Final = sessions
        stack.callback(self.kill_server)
        if sessions:
            self._make_repository()
            places = (str(self.home), str(self.repository), str(self.worktrees))
            run(
                [sys.executable, "-m", "bench.prepare", *places, str(sessions)],
                self.environment | {"PYTHONPATH": str(Path(__file__).parents[1])},
            )

    def rouser(self, *arguments: str, **options: Path | None) -> int:
        """Run rouser and return its peak memory in KiB."""
        return run([ROUSER, *arguments], self.environment, **options)

    def kill_server(self) -> None:
        """Kill the tmux server, and return when it and what ran in it is gone."""
        pids = self.tmux("list-panes", "-a", "-F", "#{pid} #{pane_pid}").split()
        self.tmux("kill-server")
        give_up = time.monotonic() + _GONE_SECONDS
        while any(_runs(pid) for pid in set(pids)):
            if time.monotonic() > give_up:
                raise SystemExit("what ran in the tmux server does not end")
            time.sleep(0.01)
        time.sleep(0.05)  # the machine buries hundreds of processes
        with suppress(FileNotFoundError):
            self.socket.unlink()

    def tmux(self, *command: str) -> str:
        """Run a tmux command and return what it prints; a server that is gone prints nothing."""
        return subprocess.run(
            ["tmux", "-S", str(self.socket), "-f", str(self.root / "tmux.conf"), *command],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        ).stdout

    def alive(self) -> int:
        """Return in how many sessions of the server the agent runs."""
        return self.tmux("list-panes", "-a", "-F", "#{pane_current_command}").split().count(AGENT[0])

    def require_alive(self, count: int) -> None:
        """End the run unless so many agents run: what is fast and does not work is not measured."""
        if (alive := self.alive()) != count:
            raise SystemExit(f"{alive} agents run where {count} should")

    def places(self) -> list[Path]:
        """Return the worktrees of the sessions."""
        return sorted(self.worktrees.iterdir())

    def _make_repository(self) -> None:
        self.repository.mkdir()
        for number in range(20):
            (self.repository / f"file{number}.txt").write_text(f"{number}\n" * 50)
        for command in (
            ["init", "--quiet", "--initial-branch", "main"],
            ["add", "."],
            ["-c", "user.name=bench", "-c", "user.email=bench@example.org", "commit", "--quiet", "-m", "begin"],
        ):
            run(["git", "-C", str(self.repository), *command], self.environment)


def _environment(scratch: Path) -> dict[str, str]:
    """Return an environment like a user's, in which nothing of the user's own is touched."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "USER", "LOGNAME", "SHELL") if name in os.environ}
    home = scratch / "user"
    home.mkdir()
    shutil.copymode(scratch, home)
    return kept | {
        "HOME": str(home),
        "TERM": "xterm",
        "ROUSER_HOME": str(scratch / "home"),
        "ROUSER_CONFIG": str(scratch / "config.toml"),
    }


def _runs(pid: str) -> bool:
    try:
        state = Path("/proc", pid, "stat").read_bytes().rpartition(b")")[2].split()[0]
    except OSError:
        return False
    return state not in {b"Z", b"X"}
