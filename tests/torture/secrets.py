"""Secrets and neighbours: files that only their owner reads, and an environment that nobody else sees."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from support.world import World, new_world

from rouser import HookError, RouserError
from rouser.locks import session_lock
from rouser.store import Store
from rouser_tmux import launch
from torture.forked import call, once, warm_up
from torture.servers import servers
from torture.tally import Tally

TITLE = "secrets and neighbours: nobody else reads, sends or finds out"

PRIVATE = "Every file and directory that rouser makes is its owner's alone, whatever the umask"
UNSEEN = "No secret of the environment is in a process list, tmux's global environment, the database, logs or errors"
PREDICTABLE = "Nothing is made under a name that others can know in a directory that others can write to"
LINKS = "Symbolic links that race with rouser lose: nothing is written or removed behind them"
NEIGHBOUR = "Another user of the machine can neither read a session nor send to it"

SECRET = "s3cr3t-0f-the-env1ronment"
AGENT = ("--", "/bin/sh", "-c", 'printf "%s\\n" "up"; exec cat')
_NOBODY = 65534
_RUNTIMES = ("tmux", "process")


def run(tally: Tally, quick: bool) -> None:
    """Try it all, with 1,000 rounds of each race."""
    for umask in (0o000, 0o022, 0o077, 0o777)[:: 3 if quick else 1]:
        for runtime in _RUNTIMES:
            _lived(tally, umask, runtime)
    _races(tally, 50 if quick else 1000)
    _failures(tally)


@contextlib.contextmanager
def _secretive(runtime: str) -> Iterator[World]:
    world = new_world()
    world.extra.update(API_KEY=SECRET, ROUSER_RUNTIME=runtime, ROUSER_PROCESS_DIRECTORY=str(world.root / "p"))
    world.extra["TMPDIR"] = str(world.root / "tmp")
    (world.root / "tmp").mkdir()
    (world.root / "tmp").chmod(0o1777)
    try:
        warm_up(world)
        yield world
    finally:
        with contextlib.suppress(Exception):
            for item in once(world, "ls", "--json").json:
                once(world, "rm", "--force", item["id"])
        world.end()


def _lived(tally: Tally, umask: int, runtime: str) -> None:
    """Lead a session through its life under an umask, and look at what everybody could see of it."""
    with _secretive(runtime) as world:
        before = os.umask(umask)
        watch = _Watch(world)
        try:
            done = once(world, "spawn", "keep it", "--json", *AGENT)
            tally.check(PRIVATE, not done.code, f"umask {umask:o}, {runtime}: {done.err}")
            if done.code:
                return
            identity = done.json["id"]
            said = [done.out, done.err]
            for command in (
                ("send", identity, "more"),
                ("show", identity),
                ("show", identity, "--json"),
                ("logs", identity),
                ("ls", "--json"),
                ("kill", identity),
                ("restore", identity),
                ("doctor",),
            ):
                seen = once(world, *command)
                said += [seen.out, seen.err]
        finally:
            os.umask(before)
            watch.stop()
        _permissions(tally, world, f"umask {umask:o}, {runtime}")
        where = f"umask {umask:o}, {runtime}"
        tally.check(UNSEEN, SECRET not in "".join(said), f"{where}: a command printed it")
        tally.check(UNSEEN, not watch.found, f"{where}: in the argv of {watch.found[:3]}")
        tally.check(UNSEEN, SECRET not in world.tmux("show-environment", "-g"), f"{where}: tmux shows it globally")
        tally.check(
            UNSEEN, SECRET not in world.tmux("show-environment", "-t", f"={identity[:8]}"), f"{where}: tmux shows it"
        )
        for pid in servers(world):
            environ = Path(f"/proc/{pid}/environ").read_bytes()
            tally.check(UNSEEN, SECRET.encode() not in environ, f"{where}: the tmux server has it")
        kept = [
            path for path in (world.root / "home").rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()
        ]
        tally.check(UNSEEN, not kept, f"{where}: {kept} hold it")
        left = [path.name for path in (world.root / "tmp").iterdir()]
        tally.check(PREDICTABLE, not left, f"{where}: {left}")
        for place in (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm")):
            names = [path.name for path in place.iterdir() if identity[:8] in path.name]
            tally.check(PREDICTABLE, not names, f"{where}: {names} in {place}")
        if os.geteuid():
            tally.skip("another user of the machine: only root can act as one")
        else:
            _neighbour(tally, world, identity, runtime)


class _Watch:
    """Reads the command lines of all processes, over and over, and keeps those that show the secret."""

    def __init__(self, world: World) -> None:
        self.found: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(0.005):
            for entry in os.scandir("/proc"):
                if entry.name.isdecimal():
                    with contextlib.suppress(OSError):
                        words = Path(entry.path, "cmdline").read_bytes()
                        if SECRET.encode() in words:
                            self.found.append(words.decode(errors="replace")[:200])

    def stop(self) -> None:
        self._over.set()
        self._thread.join()


def _permissions(tally: Tally, world: World, where: str) -> None:
    """Look at everything that rouser has made; what stands in a worktree is git's and the user's."""
    places = [world.root / "home", world.root / "p", world.socket]
    for place in places:
        for path in (place, *place.rglob("*")) if place.is_dir() else (place,):
            with contextlib.suppress(FileNotFoundError):
                mode = stat.S_IMODE(path.lstat().st_mode)
                wide = mode & 0o077 and not path.is_symlink()
                tally.check(PRIVATE, not wide, f"{where}: {path.relative_to(world.root)} has {mode:o}")
    base = world.root / "wt"
    tally.check(PRIVATE, not stat.S_IMODE(base.stat().st_mode) & 0o077, f"{where}: the worktrees are open to others")


def _as_neighbour(action: Callable[[], bool]) -> bool:
    """Return what ``action`` does in the hands of another user; False when it is refused."""

    def other() -> int:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
        try:
            return 0 if action() else 1
        except (OSError, RouserError, HookError, subprocess.SubprocessError):
            return 1

    return call(other) == 0


def _neighbour(tally: Tally, world: World, identity: str, runtime: str) -> None:
    """Open the world's own directory to others, which is rouser's no more, and let one of them try."""
    world.root.chmod(0o755)
    files = [path for place in ("home", "p", "wt") for path in (world.root / place, *(world.root / place).rglob("*"))]
    for path in files:
        tally.check(NEIGHBOUR, not _as_neighbour(partial(_reads, path)), f"{runtime}: reads {path}")
    tmux = ["tmux", "-S", str(world.socket)]
    attempts = (
        [*tmux, "list-sessions"],
        [*tmux, "capture-pane", "-p", "-t", f"={identity[:8]}:"],
        [*tmux, "send-keys", "-t", f"={identity[:8]}:", "intrusion", "Enter"],
        [*tmux, "kill-server"],
    )
    for attempt in attempts:
        tally.check(NEIGHBOUR, not _as_neighbour(partial(_succeeds, attempt)), f"{runtime}: {attempt[3]} works")
    for words in (("ls",), ("send", identity, "intrusion"), ("logs", identity), ("kill", identity)):
        world.uid = _NOBODY
        done = once(world, *words)
        world.uid = None
        tally.check(NEIGHBOUR, done.code, f"{runtime}: {words[0]} works: {done.out}{done.err}")
    shown = once(world, "logs", identity)
    tally.check(NEIGHBOUR, not shown.code and "intrusion" not in shown.out, f"{runtime}: the agent got {shown.out!r}")
    alive = once(world, "show", identity, "--json").json["alive"]
    tally.check(NEIGHBOUR, alive is True, f"{runtime}: the agent is gone afterwards")


def _reads(path: Path) -> bool:
    if path.is_dir():
        return bool(list(path.iterdir())) or True
    path.read_bytes()
    return True


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False, timeout=10, cwd="/").returncode == 0


def _races(tally: Tally, rounds: int) -> None:
    """Put symbolic links in the way of each file that is written, before and while it is."""
    root = Path(tempfile.mkdtemp(prefix="rt-links-")).resolve()
    victim = root / "victim"
    try:
        for number in range(rounds):
            victim.write_text("precious")
            home = root / str(number)
            _race(tally, number, home, victim)
            shutil.rmtree(home, ignore_errors=True)
    finally:
        shutil.rmtree(root)


def _race(tally: Tally, number: int, home: Path, victim: Path) -> None:
    kind = ("lock", "launch", "database", "launch directory")[number % 4]
    place = {
        "lock": home / "locks" / "some-id.lock",
        "launch": home / "launch" / "0123456789abcdef.sh",
        "database": home / "rouser.db",
        "launch directory": home / "launch",
    }[kind]
    place.parent.mkdir(parents=True, mode=0o700)
    over = threading.Event()

    def plant() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError):
                place.symlink_to(victim if kind != "launch directory" else victim.parent)
            with contextlib.suppress(OSError):
                if place.is_symlink() and number % 2:
                    place.unlink()

    planter = threading.Thread(target=plant, daemon=True)
    before = os.environ.get("ROUSER_HOME")
    os.environ["ROUSER_HOME"] = str(home)
    runtime_directory = os.environ.pop("XDG_RUNTIME_DIR", None)
    planter.start()
    try:
        with contextlib.suppress(RouserError, HookError):
            if kind == "lock":
                with session_lock(home / "locks", "some-id", "torture"):
                    pass
            elif kind == "database":
                with Store(home) as store:
                    store.sessions()
                    store.check_integrity()
            else:
                launch.write("0123456789abcdef", home, ["true"], {"API_KEY": SECRET}).unlink()
    finally:
        over.set()
        planter.join()
        os.environ.pop("ROUSER_HOME")
        if before is not None:
            os.environ["ROUSER_HOME"] = before
        if runtime_directory is not None:
            os.environ["XDG_RUNTIME_DIR"] = runtime_directory
    kept = victim.is_file() and victim.read_text() == "precious" and not stat.S_IMODE(victim.stat().st_mode) & 0o111
    tally.check(LINKS, kept, f"{kind}: the file behind the link was changed or removed")
    beside = [path.name for path in victim.parent.iterdir() if path.name not in {"victim", home.name}]
    tally.check(LINKS, not beside, f"{kind}: {beside} were made behind the link")


def _failures(tally: Tally) -> None:
    """Look for the secret in what failing commands say, with their tracebacks."""
    for runtime in _RUNTIMES:
        with _secretive(runtime) as world:
            commands = (
                ("spawn", "x", "--", "/no/such/program"),
                ("spawn", "x", "--", "/bin/false"),
                ("spawn", "x", "--base", "nowhere", *AGENT),
                ("spawn", "x", "--branch", "..", *AGENT),
                ("send", "nothing", "x"),
                ("restore", "nothing"),
                ("doctor",),
            )
            for command in commands:
                for debug in (False, True):
                    done = once(world, *(("--debug",) if debug else ()), *command)
                    tally.check(UNSEEN, SECRET not in done.out + done.err, f"{runtime}, {command}: {done.err[-300:]}")
