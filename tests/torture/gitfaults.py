"""git that hangs, lies or fails, repositories that move or vanish, and disks that are full."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.waiting import wait_for
from support.world import Done, World, new_world, running

from rouser import host
from torture.crowding import crowding
from torture.forked import HungError, once, warm_up
from torture.runners import all_runners, kill_runners, runners
from torture.tally import Tally

GIT = "Whatever git or the disk does, a command ends in time with an error that has a type"
NOTHING_LEFT = "A git or a hook of git that hangs is ended together with the command that waited for it"
WORK = "No uncommitted file is lost to it, and once git works again one restore brings the session back"

DEADLINE = 3.0
_PATIENCE = 20.0
_USAGE, _INTERNAL = 2, 70
_AGENT = ("--", "/bin/cat")
_HANGING_HOOK = '#!/bin/sh\nexec sleep 1000 "$0"\n'


def run(tally: Tally, quick: bool) -> None:
    """Try every fault."""
    host.SLOW_SECONDS = DEADLINE * crowding()  # in this process and what it forks
    with _lab() as world:
        _hanging_hook(tally, world)
        _locks(tally, world)
        _moved(tally, world)
        _lies(tally, world, quick=quick)
        _full_disk(tally, world)
        _deleted(tally, world)


@contextmanager
def _lab() -> Iterator[World]:
    world = new_world()
    try:
        warm_up(world)
        yield world
    finally:
        for pid in all_runners(world.root):
            os.kill(pid, signal.SIGKILL)
        world.end()


@dataclass(frozen=True)
class _Work:
    """A dead session with a file in its worktree that is nowhere else."""

    session_id: str
    path: Path

    @property
    def file(self) -> Path:
        return self.path / "precious"

    @property
    def intact(self) -> bool:
        return self.file.is_file() and self.file.read_text() == "not committed\n"


def _work(world: World) -> _Work:
    done = once(world, "spawn", "endure", "--json", *_AGENT)
    if done.code:
        raise AssertionError(f"the world is not in order: {done.err}")
    work = _Work(done.json["id"], Path(done.json["workspace_path"]))
    work.file.write_text("not committed\n")
    kill_runners(work.session_id)
    return work


def _tried(tally: Tally, world: World, where: str, *command: str, **env: str) -> Done | None:
    try:
        done = once(world, *command, env=env, seconds=_PATIENCE * crowding())
    except HungError as error:
        tally.case(GIT, f"{where}, {command[0]}: {error}")
        return None
    said = done.err.strip()
    explained = "error: " in said or command[0] == "doctor"  # whose findings are its output
    typed = (
        0 <= done.code < _INTERNAL and done.code != _USAGE and "Traceback" not in said and (not done.code or explained)
    )
    tally.check(GIT, typed, f"{where}, {command[0]}: exit code {done.code}: {said}")
    return done


def _recovered(tally: Tally, world: World, where: str, session_id: str) -> None:
    done = once(world, "restore", session_id)
    agents = runners(session_id)
    tally.check(
        WORK, len(agents) == 1, f"{where}: {len(agents)} agents after restore ({done.code}): {done.err.strip()}"
    )


def _hanging_hook(tally: Tally, world: World) -> None:
    hook = world.repository / ".git" / "hooks" / "post-checkout"
    work = _work(world)
    work.file.unlink()
    shutil.rmtree(work.path)
    for command in (["spawn", "endure", *_AGENT], ["restore", work.session_id]):
        hook.write_text(_HANGING_HOOK)
        hook.chmod(0o755)
        before = {item["id"] for item in once(world, "ls", "--json").json}
        done = _tried(tally, world, "a hook hangs", *command)
        tally.check(GIT, done is not None and done.code, f"a hook hangs: {command[0]} says that it succeeded")
        left = [pid for pid in _processes(str(hook)) if running(pid)]
        tally.check(NOTHING_LEFT, not left, f"{command[0]}: {left} run on")
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        hook.unlink()
        new = {item["id"] for item in once(world, "ls", "--json").json} - before
        for session_id in (new or {work.session_id}) if command[0] == "spawn" else {work.session_id}:
            _recovered(tally, world, f"a hook hung in {command[0]}", session_id)


def _processes(word: str) -> list[int]:
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                words = Path(entry.path, "cmdline").read_bytes()
            except OSError:
                continue
            if word.encode() in words:
                found.append(int(entry.name))
    return found


def _locks(tally: Tally, world: World) -> None:
    for where in ("the worktree", "the repository"):
        work = _work(world)
        directory = work.path if where == "the worktree" else world.repository
        lock = Path(world.git("rev-parse", "--absolute-git-dir", cwd=directory).strip()) / "index.lock"
        lock.touch()
        what = f"a stale index.lock in {where}"
        _tried(tally, world, what, "spawn", "endure", *_AGENT)
        _tried(tally, world, what, "restore", work.session_id)
        _tried(tally, world, what, "rm", work.session_id)
        tally.check(WORK, work.intact, f"{what}: {work.file} is gone")
        lock.unlink()
        kill_runners(work.session_id)
        _recovered(tally, world, what, work.session_id)


def _moved(tally: Tally, world: World) -> None:
    work = _work(world)
    elsewhere = world.root / "elsewhere"
    directory, world.cwd = world.repository, world.root
    directory.rename(elsewhere)
    what = "the repository was moved"
    for command in ("restore", "rm", "show", "logs"):
        _tried(tally, world, what, command, work.session_id)
    _tried(tally, world, what, "ls")
    _tried(tally, world, what, "doctor")
    tally.check(WORK, work.intact, f"{what}: {work.file} is gone")
    elsewhere.rename(directory)
    world.cwd = None
    kill_runners(work.session_id)
    _recovered(tally, world, what, work.session_id)


_LIES = {
    "says nothing": "exit 0",
    "fails without a word": "exit 1",
    "talks nonsense": "echo one two three; exit 0",
    "talks without end": "head -c 10000000 /dev/zero | tr '\\0' 'x'; exit 0",
    "writes what is no text": "printf '\\377\\376\\0\\n'; exit 0",
    "is killed": "kill -9 $$",
    "hangs": "exec sleep 1000",
}


def _lies(tally: Tally, world: World, *, quick: bool) -> None:
    for name, script in list(_LIES.items())[:: 3 if quick else 1]:
        work = _work(world)
        directory = world.root / "liar"
        directory.mkdir(exist_ok=True)
        program = directory / "git"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        path = f"{directory}:{world.environment['PATH']}"
        what = f"git {name}"
        _tried(tally, world, what, "spawn", "endure", *_AGENT, PATH=path, ROUSER_HOOK_TIMEOUT="3")
        for command in ("show", "rm", "restore"):
            _tried(tally, world, what, command, work.session_id, PATH=path, ROUSER_HOOK_TIMEOUT="3")
        tally.check(WORK, work.intact, f"{what}: {work.file} is gone")
        kill_runners(work.session_id)
        _recovered(tally, world, what, work.session_id)


def _full_disk(tally: Tally, world: World) -> None:
    """Let the worktrees stand on a file system of 64 kB, with half a megabyte to be checked out."""
    (world.repository / "large").write_bytes(os.urandom(500_000))
    world.git("add", "large")
    world.commit("Grow")
    disk = world.root / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        tally.skip("a full disk under the worktrees: not possible here, as this user may mount none")
        return
    try:
        world.extra["ROUSER_WORKTREE_BASE"] = str(disk / "wt")
        before = [item["id"] for item in once(world, "ls", "--json").json]
        done = _tried(tally, world, "the disk is full", "spawn", "endure", "--name", "wide", *_AGENT)
        tally.check(GIT, done is not None and done.code, "the disk is full: spawn says that it succeeded")
        new = [item for item in once(world, "ls", "--json").json if item["id"] not in before]
        tally.check(WORK, not any(runners(item["id"]) for item in new), "the disk is full: an agent runs nevertheless")
        subprocess.run(["mount", "-o", "remount,size=10m", str(disk)], check=True)
        if new:
            _recovered(tally, world, "the disk was full at spawn", new[0]["id"])
        else:
            tally.check(
                GIT, not once(world, "spawn", "endure", "--name", "wide", *_AGENT).code, "spawn fails afterwards"
            )
        work = _work(world)
        work.file.unlink()
        shutil.rmtree(work.path)
        (disk / "filler").write_bytes(bytes(_free(disk)))
        _tried(tally, world, "the disk is full", "restore", work.session_id)
        tally.check(WORK, not runners(work.session_id), "the disk is full: an agent runs in half a worktree")
        (disk / "filler").unlink()
        _recovered(tally, world, "the disk was full at restore", work.session_id)
    finally:
        for item in once(world, "ls", "--json").json:
            once(world, "rm", "--force", item["id"])
        del world.extra["ROUSER_WORKTREE_BASE"]
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def _free(disk: Path) -> int:
    status = os.statvfs(disk)
    return status.f_bavail * status.f_frsize


def _deleted(tally: Tally, world: World) -> None:
    work = _work(world)
    shutil.rmtree(world.repository)
    world.cwd = world.root
    what = "the repository was deleted"
    for command in ("restore", "rm", "show", "logs"):
        _tried(tally, world, what, command, work.session_id)
    _tried(tally, world, what, "ls")
    tally.check(WORK, work.intact, f"{what}: {work.file} is gone")
    wait_for(lambda: not runners(work.session_id), "nothing runs for a session without a repository")
