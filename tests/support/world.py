"""A world of its own for the real command: state, tmux server, worktrees, repository; and its clean end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.waiting import wait_for

AGENT = """\
import os, pathlib, sys
print("agent up in", os.getcwd(), "with", *sys.argv[1:], flush=True)
with open(os.environ["RECORD"], "a") as record:
    print("start", os.environ["ROUSER_SESSION_ID"], os.getpid(), os.getcwd(), *sys.argv[1:], file=record)
for line in sys.stdin:
    with open(os.environ["RECORD"], "a") as record:
        print("line", os.environ["ROUSER_SESSION_ID"], line.rstrip("\\n"), file=record)
    print("got:", line, end="", flush=True)
"""


@dataclass
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class World:
    """Everything that one test touches, below one short directory.

    :ivar extra: what its commands have in their environment besides.
    :ivar uid: the user whom forked commands run as. None: the one who runs the tests.
    :ivar cwd: where forked commands run. None: in the repository.
    :ivar patience: seconds that a command may take.
    """

    root: Path
    extra: dict[str, str] = field(default_factory=dict)
    uid: int | None = None
    cwd: Path | None = None
    patience: float = 60

    @property
    def socket(self) -> Path:
        return self.root / "t"

    @property
    def repository(self) -> Path:
        return self.root / "shop"

    @property
    def record(self) -> Path:
        return self.root / "record"

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ROUSER_", "GIT_", "TMUX", "CLAUDE", "XDG_", "COLUMNS", "LINES"))
        }
        return {
            **kept,
            "HOME": str(self.root / "user"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "ROUSER_HOME": str(self.root / "home"),
            "ROUSER_CONFIG": str(self.root / "rouser.toml"),
            "ROUSER_TMUX_SOCKET": str(self.socket),
            "ROUSER_WORKTREE_BASE": str(self.root / "wt"),
            "ROUSER_AGENT": "command",
            "GIT_CONFIG_GLOBAL": str(self.root / "gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "RECORD": str(self.record),
            **self.extra,
        }

    @property
    def agent(self) -> list[str]:
        """The argv of an agent that records each start and each line that it is sent."""
        return [sys.executable, str(self.root / "agent.py")]

    def prepare(self) -> None:
        (self.root / "user").mkdir()
        (self.root / "agent.py").write_text(AGENT)
        self.git("init", "--quiet", "--initial-branch=main", str(self.repository), cwd=self.root)
        (self.repository / "README").write_text("shop\n")
        self.git("add", "README")
        self.commit("Start")

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=cwd or self.repository,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        return done.stdout

    def commit(self, message: str, cwd: Path | None = None) -> None:
        identity = ("-c", "user.name=test", "-c", "user.email=test@example.invalid")
        self.git(*identity, "commit", "--quiet", "--message", message, cwd=cwd)

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start the command and leave it running."""
        return subprocess.Popen(
            ["rouser", *arguments],
            cwd=options.pop("cwd", self.repository),
            env={**self.environment, **options.pop("env", {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def run(self, *arguments: str, env: Mapping[str, str] | None = None, timeout: float | None = None) -> Done:
        """Run the command to its end."""
        process = self.start(*arguments, env=dict(env or {}))
        out, err = process.communicate(timeout=timeout or self.patience)
        return Done(process.returncode, out, err)

    def ok(self, *arguments: str, env: Mapping[str, str] | None = None) -> Done:
        """Run the command and insist that it succeeds."""
        done = self.run(*arguments, env=env)
        assert done.code == 0, done.err
        return done

    def spawn(self, task: str = "fix it", *options: str, agent: list[str] | None = None) -> dict[str, Any]:
        found: dict[str, Any] = self.ok("spawn", task, "--json", *options, "--", *(agent or self.agent)).json
        return found

    def show(self, session_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ok("show", session_id, "--json").json
        return found

    def ls(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ok("ls", "--json").json
        return found

    def lines(self, kind: str, session_id: str) -> list[str]:
        """What the agents of a session recorded: ``start`` or ``line``, without these two words."""
        if not self.record.exists():
            return []
        prefix = f"{kind} {session_id} "
        return [line.removeprefix(prefix) for line in self.record.read_text().splitlines() if line.startswith(prefix)]

    def wait_for_line(self, session_id: str, text: str) -> None:
        wait_for(lambda: text in self.lines("line", session_id), f"the agent got {text!r}")

    def tmux(self, *arguments: str) -> str:
        """Ask this world's tmux server; an empty answer when there is none."""
        done = subprocess.run(
            ["tmux", "-S", str(self.socket), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        return done.stdout.strip()

    def tmux_sessions(self) -> list[str]:
        return sorted(self.tmux("list-sessions", "-F", "#{session_name}").split())

    def server_pid(self) -> int:
        return int(self.tmux("list-sessions", "-F", "#{pid}").split()[0])

    def kill_server(self) -> None:
        """SIGKILL this world's tmux server, as a crash would."""
        pid = self.server_pid()
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not running(pid), "the tmux server is gone")

    def end(self) -> None:
        """End this world's tmux server and every agent that ever recorded itself, and remove the files."""
        self.tmux("kill-server")
        for text in self.record.read_text().splitlines() if self.record.exists() else []:
            words = text.split(" ")
            if words[0] == "start" and is_agent(int(words[2]), self.root):
                os.kill(int(words[2]), signal.SIGKILL)
        shutil.rmtree(self.root)


def new_world() -> World:
    """Return a world whose directory has a path short enough for a tmux socket."""
    world = World(Path(tempfile.mkdtemp(prefix="rt-", dir="/tmp")).resolve())
    world.prepare()
    return world


def running(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def is_agent(pid: int, root: Path) -> bool:
    """Return whether a process is an agent of the world at ``root``, and not another one that got its pid."""
    try:
        return str(root).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
