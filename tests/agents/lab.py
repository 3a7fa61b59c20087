"""A world in which sessions run the real client, against the stand-in for its API."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.stand_in import Request, StandIn
from support.waiting import wait_for
from support.world import Done, World, new_world, running

CLIENT = os.environ.get("ROUSER_TEST_CLAUDE", "")
KEY = "sk-ant-fake-key-for-loopback-tests-0000000000"


@dataclass
class Lab:
    """One world with one stand-in.

    :ivar world: where the sessions are.
    :ivar api: what their clients talk to.
    """

    world: World
    api: StandIn

    @property
    def home(self) -> Path:
        """The client's configuration directory."""
        return self.world.root / "user" / ".claude"

    def spawn(self, task: str, *options: str, arguments: tuple[str, ...] = ()) -> dict[str, Any]:
        found: dict[str, Any] = self.world.ok("spawn", task, "--json", *options, "--", *arguments).json
        return found

    def spawn_file(self, text: bytes, *options: str) -> dict[str, Any]:
        """Spawn with a prompt from a file."""
        path = self.world.root / "prompt"
        path.write_bytes(text)
        found: dict[str, Any] = self.world.ok("spawn", "--prompt-file", str(path), "--json", *options).json
        return found

    def restore(self, session: dict[str, Any], *options: str) -> dict[str, Any]:
        (found,) = self.world.ok("restore", session["id"], "--json", *options).json
        return dict(found)

    def send(self, session: dict[str, Any], message: str) -> Done:
        return self.world.run("send", session["id"], "--", message)

    def send_file(self, session: dict[str, Any], text: bytes) -> Done:
        path = self.world.root / "message"
        path.write_bytes(text)
        return self.world.run("send", session["id"], "--file", str(path))

    def transcript(self, conversation_id: str) -> Path:
        return wait_for(lambda: self.find_transcript(conversation_id), f"the transcript of {conversation_id}")

    def find_transcript(self, conversation_id: str) -> Path | None:
        return next(self.home.glob(f"projects/*/{conversation_id}.jsonl"), None)

    def transcripts(self) -> list[Path]:
        return list(self.home.glob("projects/*/*.jsonl"))

    def pid(self, session: dict[str, Any]) -> int:
        """Return the pid of the session's client, which is its pane's own process."""
        name = session.get("runtime_name") or session["id"][:8]
        return int(self.world.tmux("list-panes", "-t", f"={name}:", "-F", "#{pane_pid}"))

    def clients(self) -> list[int]:
        """Return the pids of all clients of this world that run."""
        mark = f"HOME={self.world.root / 'user'}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0") and (entry / "exe").resolve().name == "claude":
                    found.append(int(entry.name))
        return found

    def answered(self, count: int) -> list[str]:
        """Wait until this many prompts have arrived, and return them."""
        return wait_for(lambda: len(self.api.prompts()) >= count and self.api.prompts(), f"{count} prompts arrived", 30)

    def request(self, text: str) -> Request:
        """Wait for the request that carries ``text`` as the last thing said, and return it."""

        def found() -> Request | None:
            return next(
                (item for item in list(self.api.requests) if item.carries_prompt and item.said[-1] == text), None
            )

        return wait_for(found, f"a request with {text!r:.60} arrived", 30)

    def idle(self, session: dict[str, Any]) -> None:
        """Wait until the session's client has nothing to do."""
        wait_for(lambda: self.world.show(session["id"])["activity"] in {"ready", "idle"}, "the client is at rest", 30)

    def kill_session(self, session: dict[str, Any]) -> None:
        """End the client the hard way, and wait until it is gone."""
        pid = self.pid(session)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not running(pid), "the client is gone")

    def kill_clients(self) -> None:
        """End all clients the hard way, and wait until they are gone."""
        for pid in self.clients():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not self.clients(), "no client is left")

    def screen(self, session: dict[str, Any]) -> str:
        return self.world.ok("logs", session["id"]).out

    def wrap_client(self, before: str, after: str = "exit") -> None:
        """Have sessions run a script in place of the client: a command, the client, a command."""
        wrapper = self.world.root / "wrapper"
        wrapper.write_text(f'#!/bin/sh\n{before}\n"{CLIENT}" "$@"\n{after}\n')
        wrapper.chmod(0o755)
        self.world.extra["ROUSER_CLAUDE_CODE_EXECUTABLE"] = str(wrapper)

    def lose_enter(self) -> None:
        """Have the next Enter that is sent to a terminal get lost, as it may in a client that is not ready for it."""
        real, used = shutil.which("tmux"), self.world.root / "enter-lost"
        wrapper = self.world.root / "bin" / "tmux"
        wrapper.parent.mkdir()
        wrapper.write_text(
            f"""#!/bin/sh
            if [ ! -e {used} ]; then
                for word do
                    shift
                    if [ "$word" = "$(printf '\\r')" ]; then : >{used}; word=" "; fi
                    set -- "$@" "$word"
                done
            fi
            exec {real} "$@"
            """
        )
        wrapper.chmod(0o755)
        self.world.extra["PATH"] = f"{wrapper.parent}{os.pathsep}{self.world.environment['PATH']}"

    def configure(self, **changes: Any) -> None:
        """Write what the client keeps on its user."""
        known = {
            "hasCompletedOnboarding": True,
            "customApiKeyResponses": {"approved": [KEY[-20:]], "rejected": []},
            "projects": {str(self.world.repository): {"hasTrustDialogAccepted": True}},
        }
        (self.world.root / "user" / ".claude.json").write_text(json.dumps(known | changes))

    def by_hand(self, name: str, cwd: Path, *arguments: str) -> None:
        """Start a client as a person would, in a tmux session of its own."""
        variables = [f"{key}={value}" for key, value in self.world.environment.items()]
        command = ["env", "-i", *variables, "TERM=xterm-256color", CLIENT, *arguments]
        self.world.tmux("new-session", "-d", "-s", name, "-c", str(cwd), "--", *command)


@contextmanager
def new_lab(**options: Any) -> Iterator[Lab]:
    """Make a lab, and take it down with everything that runs in it."""
    world = new_world()
    try:
        with StandIn(**options) as api:
            git_settings = world.root / "gitconfig"  # a client may well write to it, which os.devnull must be spared
            git_settings.touch()
            world.extra = {
                "GIT_CONFIG_GLOBAL": str(git_settings),
                "ROUSER_AGENT": "claude-code",
                "ROUSER_CLAUDE_CODE_EXECUTABLE": CLIENT,
                "ANTHROPIC_BASE_URL": api.address,
                "ANTHROPIC_API_KEY": KEY,
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
                "CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL": "1",
                "DISABLE_AUTOUPDATER": "1",
                "DISABLE_TELEMETRY": "1",
                "IS_SANDBOX": "1",
                "LANG": "C.UTF-8",
            }
            lab = Lab(world, api)
            lab.configure()
            try:
                yield lab
            finally:
                lab.kill_clients()
    finally:
        world.end()
