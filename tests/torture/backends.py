"""Backends that hang, lie or vanish, at every step of every command."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from support.waiting import wait_for
from support.world import Done, World, new_world, running

from torture import gitfaults
from torture.crowding import crowding, timed
from torture.forked import HungError, once, warm_up
from torture.runners import all_runners, kill_runners, runners
from torture.servers import clients, end_all, heal, parent_of, servers, settle, stop
from torture.spreading import side_by_side
from torture.striker import STEPS, install_striker, steps
from torture.tally import Tally

TITLE = "backends that hang, lie or vanish: typed errors in time, and never a second agent"

TYPED = "Whatever tmux does at whatever step, a command ends within its deadlines with an error that has a type"
UNKNOWN = "An agent that cannot be asked about is never taken for dead: nothing is restored, removed or sent"
ONE_AGENT = "When the backend is back, one restore leaves exactly one agent, and none runs without a record"
INTERRUPT = "Ctrl-C ends a command that waits for a backend within 1 s, and says so"

DEADLINE = 1.5
AGENT = ("--", "/bin/cat")
_MOST_CALLS = 8  # of a command that all time out, one after the other
_USAGE, _INTERNAL, _INTERRUPTED = 2, 70, 130
_UNKNOWN = 7


def run(tally: Tally, quick: bool) -> None:
    """Try every fault at every step."""
    pieces: list[Callable[[Tally], None]] = [partial(_at_each_step, fault, quick) for fault in FAULTS]
    pieces += [partial(_unknown, quick), _interrupts, partial(gitfaults.run, quick=quick)]
    side_by_side(tally, pieces)


@dataclass(frozen=True)
class Fault:
    """What befalls a tmux server.

    :ivar command: for the shell; ``$PID`` is the server's, ``$SOCKET`` the path of its socket.
    """

    name: str
    command: str


FAULTS = (
    Fault("stopped", "kill -STOP $PID"),
    Fault("killed", "kill -KILL $PID"),
    Fault("unreachable", 'rm -f "$SOCKET"'),
    Fault("stopped for a moment", "kill -STOP $PID; (sleep 0.5; kill -CONT $PID) </dev/null >/dev/null 2>&1 &"),
)


@contextmanager
def harried() -> Iterator[World]:
    """Provide a world, and end whatever is left of it."""
    world = new_world()
    world.extra["ROUSER_HOOK_TIMEOUT"] = "60"  # only commands that something befalls must be quick
    try:
        warm_up(world)
        install_striker(world)
        yield world
    finally:
        for pid in all_runners(world.root):
            os.kill(pid, signal.SIGKILL)
        end_all(world)
        world.end()


def spawned(world: World, *options: str) -> str:
    """Spawn a session and return its id."""
    done = once(world, "spawn", "endure", "--json", *options, *AGENT)
    if done.code:
        raise AssertionError(f"the world is not in order: {done.err}")
    return str(done.json["id"])


def tried(tally: Tally, world: World, where: str, *command: str, **env: str) -> Done | None:
    """Run a command and count whether it ended in time with a typed error; None when it hung."""
    env = {"ROUSER_HOOK_TIMEOUT": str(DEADLINE), "ROUSER_PROMPT_TIMEOUT": "1", **env}
    try:
        done = once(world, *command, env=env, seconds=(DEADLINE * _MOST_CALLS + 10) * crowding())
    except HungError as error:
        tally.case(TYPED, f"{where}: {error}")
        return None
    said = done.err.strip()
    tally.check(
        TYPED,
        0 <= done.code < _INTERNAL
        and done.code != _USAGE
        and "Traceback" not in said
        and (not done.code or "error: " in said),
        f"{where}: exit code {done.code}: {said}",
    )
    return done


def _at_each_step(fault: Fault, quick: bool, tally: Tally) -> None:
    with harried() as world:
        for command in STEPS:
            for step in steps(command)[:: 5 if quick else 1]:
                _at_step(tally, world, fault, command, step)


def _at_step(tally: Tally, world: World, fault: Fault, command: str, step: str) -> None:
    session_id, bystander = spawned(world), spawned(world)
    if command == "restore":
        kill_runners(session_id)
    argv = {
        "spawn": ["spawn", "endure", *AGENT],
        "rm": ["rm", "--force", session_id],
        "send": ["send", session_id, "hello"],
    }.get(command, [command, session_id])
    where = f"{fault.name}, {command}, {step}"
    variables = {"PID": str(servers(world)[0]), "SOCKET": str(world.socket)}
    tried(tally, world, where, *argv, STRIKE=step, STRIKE_RUN=fault.command, **variables)
    heal(world)
    _recover(tally, world, where, bystander)
    end_all(world)


def _recover(tally: Tally, world: World, where: str, bystander: str) -> None:
    """Restore whatever is restorable, and look for agents that are one too many."""
    settle(world)
    sessions = once(world, "ls", "--json").json
    known = {item["id"] for item in sessions}
    for item in sessions:
        done = once(world, "restore", item["id"])
        agents = runners(item["id"])
        tally.check(
            ONE_AGENT,
            len(agents) == 1,
            f"{where}: {len(agents)} agents after restore ({done.code}): {done.err.strip()}",
        )
    tally.check(ONE_AGENT, bystander in known, f"{where}: another session was lost")
    strays = [pid for pid in all_runners(world.root) if not any(pid in runners(one) for one in known)]
    tally.check(ONE_AGENT, not strays, f"{where}: processes {strays} run without a record")
    for item in sessions:
        done = once(world, "rm", "--force", item["id"])
        if done.code:
            tally.case(ONE_AGENT, f"{where}: cannot be removed afterwards: {done.err.strip()}")


LIES = {
    "says nothing": "exit 0",
    "fails without a word": "exit 1",
    "says that no server runs": 'echo "no server running on $SOCKET" >&2; exit 1',
    "says that the socket is gone": 'echo "error connecting to $SOCKET (No such file or directory)" >&2; exit 1',
    "says that the session is gone": 'echo "can\'t find session: x" >&2; exit 1',
    "talks nonsense": "echo one two three; exit 0",
    "talks without end": "head -c 10000000 /dev/zero | tr '\\0' 'x'; exit 0",
    "writes what is no text": "printf '\\377\\376\\n'; exit 0",
    "hangs": "exec sleep 60",
    "is killed": "kill -9 $$",
}
_ASKED = (("restore",), ("rm",), ("send", "hello"), ("kill",), ("show",), ("logs",))


def _unknown(quick: bool, tally: Tally) -> None:
    """Ask about a live agent in every way in which no answer can be had."""
    with harried() as world:
        session_id = spawned(world)
        pid = servers(world)[0]
        asked = _ASKED[:: 2 if quick else 1]
        stop(pid)
        for command in asked:
            _asked(tally, world, "the server is stopped", session_id, command)
        os.kill(pid, signal.SIGCONT)
        world.socket.rename(world.root / "elsewhere")
        for command in asked:
            if command[0] != "kill":  # which ends the agent that it knows, socket or no
                _asked(tally, world, "the socket is unlinked", session_id, command)
        (world.root / "elsewhere").rename(world.socket)
        for name, script in LIES.items():
            binaries = _liar(world, script)
            path = {"PATH": f"{binaries}:{world.environment['PATH']}", "SOCKET": str(world.socket)}
            for command in asked:
                if command[0] != "kill":
                    _asked(tally, world, f"tmux {name}", session_id, command, **path)
        if os.geteuid():
            tally.skip("a socket that another user owns: only root can act as another user")
        else:
            _denied(tally, world, session_id, asked)


def _asked(tally: Tally, world: World, what: str, session_id: str, command: tuple[str, ...], **env: str) -> None:
    agents = runners(session_id)
    before = _record(world, session_id)
    where = f"{what}, {command[0]}"
    done = tried(tally, world, where, command[0], session_id, *command[1:], **env)
    changes = command[0] in {"restore", "rm", "send", "kill"}
    refused = done is not None and (done.code != 0 or not changes)
    kept = runners(session_id) == agents and _record(world, session_id) == before
    said = "" if done is None else f"{done.code}: {done.err.strip()}"
    tally.check(UNKNOWN, refused and kept and len(agents) == 1, f"{where}: {agents} -> {runners(session_id)}, {said}")


def _record(world: World, session_id: str) -> object:
    fields = {item["id"]: item for item in once(world, "ls", "--no-probe", "--json").json}
    return fields.get(session_id)


def _liar(world: World, script: str) -> Path:
    directory = world.root / "liar"
    directory.mkdir(exist_ok=True)
    program = directory / "tmux"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return directory


def _denied(tally: Tally, world: World, session_id: str, asked: tuple[tuple[str, ...], ...]) -> None:
    """Ask as a user who may read everything but not open the socket."""
    # The agent and its server stay root's; only whoever asks has fewer rights.
    for path in (world.root, *world.root.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    os.chown(world.socket, 0, 0)
    world.socket.chmod(0o600)
    world.uid = 65534
    try:
        for command in asked:
            if command[0] != "kill":
                _asked(tally, world, "permission is denied", session_id, command)
    finally:
        world.uid = None


def _interrupts(tally: Tally) -> None:
    """Press Ctrl-C while each command waits for a tmux server that does not answer."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells let what runs in the background ignore it
    with harried() as world:
        session_id = spawned(world)
        pid = servers(world)[0]
        stop(pid)
        commands = (
            ("restore", session_id),
            ("restore", "--all"),
            ("kill", session_id),
            ("rm", session_id),
            ("send", session_id, "hello"),
            ("ls",),
            ("show", session_id),
            ("logs", session_id),
            ("spawn", "endure", *AGENT),
            ("doctor",),
        )
        for command in commands:
            process = world.start(*command, start_new_session=True)
            wait_for(partial(_waits_for_tmux, world, process), f"{command[0]} waits for tmux or has ended")
            if not running(process.pid):
                tally.skip(f"Ctrl-C during {command[0]}: it ended before, as the machine is too busy")
                process.communicate()
                continue
            with timed() as clock:
                os.killpg(process.pid, signal.SIGINT)
                try:
                    _, err = process.communicate(timeout=30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    err = "it went on"
            ended = process.returncode == _INTERRUPTED and "interrupted" in err and "Traceback" not in err
            tally.check_in_time(INTERRUPT, ended, clock, 1, f"{command[0]}: {process.returncode}: {err.strip()}")
        os.kill(pid, signal.SIGCONT)
        heal(world)


def _waits_for_tmux(world: World, process: subprocess.Popen[str]) -> bool:
    return not running(process.pid) or any(parent_of(pid) == process.pid for pid in clients(world))
