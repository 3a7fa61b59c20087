"""A world in which sessions run a real client other than Claude Code, against the stand-in for its API."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.others.serving import Request, StandIn
from support.waiting import wait_for
from support.world import Done, World, new_world, running

# Seconds for what takes these clients a few on an idle machine, and ever so much longer on a busy one.
PATIENCE = 240


@dataclass
class OtherLab:
    """One world with one stand-in.

    :ivar world: where the sessions are.
    :ivar api: what their clients talk to.
    :ivar program: the client's path.
    """

    world: World
    api: StandIn
    program: str

    @property
    def user(self) -> Path:
        """The user's home."""
        return self.world.root / "user"

    def spawn(self, task: str, *options: str, arguments: tuple[str, ...] = ()) -> dict[str, Any]:
        found: dict[str, Any] = self.world.ok("spawn", task, "--json", *options, "--", *arguments).json
        return found

    def spawn_file(self, text: str) -> dict[str, Any]:
        """Spawn with a prompt from a file."""
        path = self.world.root / "prompt"
        path.write_text(text)
        found: dict[str, Any] = self.world.ok("spawn", "--prompt-file", str(path), "--json").json
        return found

    def restore(self, session: dict[str, Any], *options: str) -> dict[str, Any]:
        (found,) = self.world.ok("restore", session["id"], "--json", *options).json
        return dict(found)

    def send(self, session: dict[str, Any], message: str) -> Done:
        return self.world.run("send", session["id"], "--", message)

    def pid(self, session: dict[str, Any]) -> int:
        """Return the pid of the session's client, which is its pane's own process."""
        name = session.get("runtime_name") or session["id"][:8]
        return int(self.world.tmux("list-panes", "-t", f"={name}:", "-F", "#{pane_pid}"))

    def clients(self) -> list[int]:
        """Return the pids of all processes of this world's clients."""
        marks = {f"HOME={self.user}".encode()}
        own = {self.program, os.path.realpath(self.program)}
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if marks <= set((entry / "environ").read_bytes().split(b"\0")) and (
                    own & {os.path.realpath(entry / "exe"), *(entry / "cmdline").read_text().split("\0")}
                ):
                    found.append(int(entry.name))
        return found

    def request(self, text: str) -> Request:
        """Wait for the request that carries ``text`` as the last thing said, and return it."""

        def found() -> Request | None:
            return next(
                (item for item in list(self.api.requests) if item.carries_prompt and item.said[-1] == text), None
            )

        return wait_for(found, f"a request with {text!r:.60} arrived", PATIENCE)

    def activity(self, session: dict[str, Any]) -> str:
        return str(self.world.show(session["id"])["activity"])

    def idle(self, session: dict[str, Any]) -> None:
        """Wait until the session's client has nothing to do."""
        wait_for(lambda: self.activity(session) in {"ready", "idle"}, "the client is at rest", PATIENCE)

    def kill_session(self, session: dict[str, Any]) -> None:
        """End the client the hard way, and wait until it is gone."""
        pid = self.pid(session)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not running(pid), "the client is gone")

    def by_hand(self, name: str, cwd: Path, *arguments: str, more: tuple[str, ...] = ()) -> int:
        """Start a client as a person would, in a tmux session of its own; return its pid.

        :param more: assignments to variables, which no person's terminal has.
        """
        # Where continuous integration says that it runs, a client may take its terminal for none.
        own = {key: value for key, value in self.world.environment.items() if key not in {"CI", "GITHUB_ACTIONS"}}
        variables = [f"{key}={value}" for key, value in own.items()]
        command = ["env", "-i", *variables, "TERM=xterm-256color", *more, self.program, *arguments]
        self.world.tmux("new-session", "-d", "-x", "120", "-y", "40", "-s", name, "-c", str(cwd), "--", *command)
        return int(self.world.tmux("list-panes", "-t", f"={name}:", "-F", "#{pane_pid}"))

    def made_files(self) -> list[str]:
        return [path.name for path in (self.world.root / "wt").rglob("made-by-*")]


@contextmanager
def new_lab(agent: str, program: str, api: StandIn, extra: Mapping[str, str]) -> Iterator[OtherLab]:
    """Make a lab, and take it down with everything that runs in it."""
    world = new_world()
    try:
        with api:
            git_settings = world.root / "gitconfig"  # a client may well write to it, which os.devnull must be spared
            git_settings.touch()
            name = agent.upper()
            world.extra = {
                "GIT_CONFIG_GLOBAL": str(git_settings),
                "LANG": "C.UTF-8",
                "ROUSER_AGENT": agent,
                "ROUSER_HOOK_TIMEOUT": "60",
                "ROUSER_PROMPT_TIMEOUT": "120",  # such clients need seconds of a processor to start
                f"ROUSER_{name}_EXECUTABLE": program,
                **extra,
            }
            lab = OtherLab(world, api, program)
            try:
                yield lab
            finally:
                for pid in lab.clients():
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                wait_for(lambda: not lab.clients(), "no client is left")
    finally:
        world.end()
