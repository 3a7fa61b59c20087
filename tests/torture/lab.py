"""A world whose state is put back in milliseconds, and in which commands run without the start of a Python."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from support.plugins import install
from support.waiting import wait_for
from support.world import new_world, running

from rouser.cli.app import COMMANDS
from rouser.cli.program import main
from rouser.entrypoints import installed
from torture import tracer
from torture.crowding import crowding
from torture.syscalls import NUMBERS, Call
from torture.tracer import Strike, Traced

VICTIM, BYSTANDER = "victim", "bystander"
_SHELL_SECONDS = 0.25
_KEEPER = "keeper"
PARTS = ("home", "wt", "shop")
_AGENT = ("--agent", "command", "--", "cat")


KILLER = '''
"""Kills the process at one boundary of a hook call, counted over all of them."""
import os, signal
from rouser import hookimpl
from rouser.hookspecs import KINDS, hooks_of

passed = 0


def come_by(hook, moment):
    global passed
    with open(os.environ["BOUNDARIES"], "a") as trace:
        print(moment, hook, file=trace)
    if passed == int(os.environ["KILL_AT"]):
        os.kill(os.getpid(), signal.SIGKILL)
    passed += 1


def wrapper(name):
    def around():
        come_by(name, "before")
        result = yield
        come_by(name, "after")
        return result

    around.__name__ = name
    return hookimpl(around, wrapper=True)


for spec in KINDS.values():
    for name in hooks_of(spec):
        globals()[name] = wrapper(name)
'''


@dataclass(frozen=True, slots=True)
class Pane:
    """A pane of the tmux server, as tmux itself shows it."""

    tmux_session: str
    session_id: str
    token: str
    dead: bool


class Lab:
    """One world, a tmux server that stays, and states to begin from.

    ``blank``: no session; ``dead``: no agent runs; ``gone``: nor is there a worktree; ``kept``: the work is in a snapshot
    only; ``live``: the agent runs.
    """

    def __init__(self) -> None:
        self.world = new_world()
        self.world.extra["ROUSER_HOOK_TIMEOUT"] = "60"  # a busy machine is not what goes wrong here
        self.world.extra["TMPDIR"] = str(self.world.root / "tmp")
        self.scratch = self.world.root / "scratch"
        for directory in (self.scratch, self.world.root / "tmp", self.world.root / "states"):
            directory.mkdir()
        environment = self.world.environment
        os.environ.clear()
        os.environ.update(environment)
        tempfile.tempdir = None  # what was found in another environment
        _import_everything()
        self.world.tmux("new-session", "-d", "-s", _KEEPER, "cat")
        self.plugins = self.world.root / "plugins"
        install(self.plugins, "killer", KILLER)
        self._prepare()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.chdir("/")
        self.world.end()

    @property
    def home(self) -> Path:
        return self.world.root / "home"

    @property
    def git_directory(self) -> Path:
        return self.world.repository / ".git"

    def rouser(self, *arguments: str) -> Traced:
        """Run a command to its end."""
        return tracer.call_forked(self.command(arguments), self.scratch)

    def killed_at_hook(self, arguments: tuple[str, ...], boundary: int) -> tuple[Traced, list[str]]:
        """Run a command that is killed before or after a hook call; return how it ended and the hooks it came by.

        :param boundary: at which of them, counted from 0.
        """
        trace = self.scratch / "boundaries"
        trace.write_text("")
        environment = {"BOUNDARIES": str(trace), "KILL_AT": str(boundary)}
        done = tracer.call_forked(self.command(arguments, environment, self.plugins), self.scratch)
        return done, trace.read_text().splitlines()

    def traced(
        self, arguments: tuple[str, ...], judge: Callable[[Call], Strike], numbers: Collection[int] = NUMBERS
    ) -> Traced:
        """Run a command, showing ``judge`` every call of it that touches the state, the repository, or tmux."""
        root = str(self.world.root)
        places = tuple(f"{root}/{part}" for part in PARTS)

        def of_interest(call: Call) -> Strike:
            return judge(call) if call.name == "sendmsg" or any(map(_below(places), call.paths)) else None

        return tracer.run(self.command(arguments), self.scratch, of_interest, numbers=numbers)

    def command(
        self, arguments: tuple[str, ...], environment: dict[str, str] | None = None, plugins: Path | None = None
    ) -> Callable[[], None]:
        def call() -> None:
            os.chdir(self.world.repository)
            os.environ.update(environment or {})
            if plugins is not None:
                sys.path.insert(0, str(plugins))
            sys.argv = ["rouser", *arguments]
            main()

        return call

    def _prepare(self) -> None:
        """Make the states: a session and one beside it, both with work that is not committed."""
        self._save("blank")
        for name in (BYSTANDER, VICTIM):
            self._must("spawn", f"the task of {name}", "--name", name, *_AGENT)
            self.kill_agents()
            for file in ("unfinished", "README"):
                (self.workspace(name) / file).write_text(f"work of {name}\n")
        self._save("dead")
        shutil.rmtree(self.workspace(VICTIM))
        self._save("gone")
        self.begin("dead")
        self.world.git("add", "unfinished", cwd=self.workspace(VICTIM))
        self._must("snapshot", VICTIM)
        self.world.git("reset", "--quiet", "--hard", cwd=self.workspace(VICTIM))
        self._save("kept")

    def _must(self, *arguments: str) -> None:
        done = self.rouser(*arguments)
        assert done.code == 0, done.err

    def _save(self, state: str) -> None:
        for part in PARTS:
            if (self.world.root / part).exists():
                shutil.copytree(self.world.root / part, self.world.root / "states" / state / part, symlinks=True)

    def begin(self, state: str) -> None:
        """Put everything into a state."""
        self.kill_agents()
        for name in self.buffers():
            self.world.tmux("delete-buffer", "-b", name)
        for part in (*PARTS, "tmp"):
            shutil.rmtree(self.world.root / part, ignore_errors=True)
        (self.world.root / "tmp").mkdir()
        template = self.world.root / "states" / ("dead" if state == "live" else state)
        for part in PARTS:
            if (template / part).exists():
                shutil.copytree(template / part, self.world.root / part, symlinks=True)
        if state == "live":
            self._must("restore", VICTIM)

    def panes(self) -> list[Pane]:
        """Every pane that is not the keeper's."""
        found = self.world.tmux(
            "list-panes", "-a", "-F", "#{session_name}|#{@rouser_session}|#{@rouser_runtime}|#{pane_dead}"
        )
        panes = (line.split("|") for line in found.splitlines())
        return [Pane(name, owner, token, dead == "1") for name, owner, token, dead in panes if name != _KEEPER]

    def buffers(self) -> list[str]:
        return self.world.tmux("list-buffers", "-F", "#{buffer_name}").split()

    def kill_agents(self) -> None:
        """End all agents and their panes, as a crash would."""
        for name in {pane.tmux_session for pane in self.panes()}:
            self.world.tmux("kill-session", "-t", f"={name}")

    def workspace(self, name: str) -> Path:
        path = path_of(self.records()[name])
        assert path is not None
        return path

    def records(self) -> dict[str, dict[str, Any]]:
        """The bare rows of all sessions by their names, read from a copy, so that nothing is changed by looking."""
        with closing(sqlite3.connect(self._copy())) as connection:
            connection.row_factory = sqlite3.Row
            if not connection.execute("PRAGMA user_version").fetchone()[0]:
                return {}
            return {row["name"]: dict(row) for row in connection.execute("SELECT * FROM sessions")}

    def complaints(self) -> list[str]:
        """What SQLite finds wrong with the database."""
        with closing(sqlite3.connect(self._copy())) as connection:
            return [line for (line,) in connection.execute("PRAGMA integrity_check") if line != "ok"]

    def statuses(self, session_id: str) -> list[str | None]:
        """The last status in the history of a session."""
        with closing(sqlite3.connect(self._copy())) as connection:
            rows = connection.execute("SELECT new_status FROM history WHERE session_id = ? ORDER BY id", [session_id])
            return [status for (status,) in rows]

    def _copy(self) -> Path:
        copy = self.scratch / "copy.db"
        for suffix in ("", "-wal"):
            source, target = self.home / f"rouser.db{suffix}", self.scratch / f"copy.db{suffix}"
            target.unlink(missing_ok=True)
            with suppress(FileNotFoundError):
                shutil.copy(source, target)
        (self.scratch / "copy.db-shm").unlink(missing_ok=True)
        return copy

    def wait_until_idle(self) -> None:
        """Wait until nothing that a command started is at work any more: its git, the shells of its agents."""
        wait_for(lambda: not any(self._helpers()), "all helpers have ended")
        files = list((self.home / "launch").glob("*.sh"))
        if files:
            waited = _SHELL_SECONDS * crowding()
            written = max(file.stat().st_mtime for file in files)
            wait_for(lambda: time.time() > written + waited, "no shell can be about to read its file")

    def _helpers(self) -> Iterator[int]:
        root = str(self.world.root).encode()
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                with suppress(OSError):
                    words = (process / "cmdline").read_bytes().split(b"\0")
                    ours = words[0] in {b"git", b"/bin/sh", b"/usr/bin/env"} and any(root in word for word in words)
                    if ours and running(int(process.name)):
                        yield int(process.name)


def path_of(record: dict[str, Any]) -> Path | None:
    """Return the workspace that a record names."""
    return None if record["workspace_path"] is None else Path(record["workspace_path"])


def _below(places: tuple[str, ...]) -> Callable[[str], bool]:
    return lambda path: path.startswith(places)


def _import_everything() -> None:
    for name in COMMANDS:
        import_module(f"rouser.cli.{name}")
    for name in ("adopt", "control", "restore_many", "spawn", "doctor"):
        import_module(f"rouser.{name}")
    for entry in installed():
        entry.load()
    for name in ("creation", "removal", "restoration", "library"):
        import_module(f"rouser_worktree.{name}")
