"""Salvages from damaged databases: into a new file, only what was once written, and all that no damage touched."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from support.stage import make_session

from rouser.errors import StoreError
from rouser.models import Session, SessionStatus
from rouser.salvage import Salvaged, salvage
from rouser.store import Store
from torture.damages import PAGE, damages
from torture.disks import can_mount, mounted
from torture.tally import Tally

SALVAGED = "What is salvaged from a damaged database was once written to it, and is in a new file that is sound"
ENOUGH = "Each session that has nothing on a damaged page is salvaged, and those that are known to be lost are named"
ALONE = (
    "Salvaging changes no byte of the damaged file and its WAL, writes over nothing, and leaves nothing half written"
)
USED = "A salvaged file in the place of the damaged one is one that commands read and write"

_SECONDS = 60
_SESSIONS = 30
_SEED = 20_260_701


class _Ground:
    """A database, and every version of each of its records."""

    def __init__(self, root: Path) -> None:
        self.root, self.home = root, root / "home"
        self.versions: dict[str, list[Session]] = {}
        with Store(self.home) as store:
            for number in range(_SESSIONS):
                text = f"task {number} " + "x" * (number * 97 % 2500)
                session = store.add(make_session(root / "shop", name=f"name-{number}", task=text), "added")
                later = store.update(session._replace(branch=f"branch-{number}"), "changed")
                self.versions[session.id] = [session, later]
            gone = store.add(make_session(root / "shop", name="gone"), "added")
            store.remove(gone, "removed")
        self.gone, self.path = gone, store.path
        self.wal = self.path.with_name(f"{self.path.name}-wal")
        self.data = self.path.read_bytes()

    def with_log(self) -> tuple[bytes, bytes]:
        """Return a database and its WAL, in which each session has one more version."""
        self.put(self.data)
        with Store(self.home) as store:
            for versions in self.versions.values():
                versions.append(store.update(versions[-1]._replace(status=SessionStatus.WORKING), "logged"))
            return self.path.read_bytes(), self.wal.read_bytes()

    def put(self, data: bytes, wal: bytes | None = None) -> None:
        """Have ``data`` for the database, and ``wal`` for its WAL."""
        for file in self.home.glob("rouser.db*"):
            file.unlink()
        self.path.write_bytes(data)
        if wal is not None:
            self.wal.write_bytes(wal)

    def touched(self, data: bytes) -> set[str]:
        """Return the sessions that have something on a page which is not what it was."""
        starts = range(0, len(self.data), PAGE)
        pages = [(self.data[start : start + PAGE], data[start : start + PAGE]) for start in starts]
        changed = b"".join(before for before, now in pages if before != now)
        return {name for name in self.versions if name.encode() in changed}

    def was_written(self, session: Session) -> bool:
        """Return whether a record is one that was written, the name aside, which only one session may have."""
        versions = self.versions.get(session.id, [self.gone])
        return any(session in (version, version._replace(name=None)) for version in versions)


def pieces(*, quick: bool, count: int) -> list[partial[None]]:
    """Return ``count`` pieces of the torture, each to be called with a tally."""
    return [partial(_piece, part, count, 40 if quick else 3) for part in range(count)]


def _piece(part: int, count: int, share: int, tally: Tally) -> None:
    with TemporaryDirectory(prefix="rt-salvage-") as directory:
        ground = _Ground(Path(directory))
        cases = list(damages(ground.data, random.Random(_SEED), share))
        for number, (what, data) in enumerate(cases[part::count]):
            _try(tally, ground, what, data, through_commands=number % 50 == 0)
        data, wal = ground.with_log()
        for what, damaged in list(damages(wal, random.Random(_SEED), share * 4))[part::count]:
            _try(tally, ground, f"{what} of the WAL", data, damaged)
        if part == 0:
            _refused(tally, ground)
            _full(tally, ground)


def _try(
    tally: Tally,
    ground: _Ground,
    what: str,
    data: bytes,
    wal: bytes | None = None,
    *,
    through_commands: bool = False,
) -> None:
    target = ground.root / "new.db"
    ground.put(data, wal)
    with tally.guarded(SALVAGED, what):
        saved = salvage(ground.path, target)
        found = _read(ground, target)
        strange = [session for session in found.values() if not ground.was_written(session)]
        if strange or len(found) != saved.sessions:
            raise ValueError(f"{len(found)} of {saved.sessions} are there, among them {strange[:1]}")
        _enough(tally, ground, what, data, saved, set(found))
    same = ground.path.read_bytes() == data and (wal is None or ground.wal.read_bytes() == wal)
    tally.check(ALONE, same, f"{what}: the damaged file was changed")
    target.unlink(missing_ok=True)
    if through_commands:
        _through_commands(tally, ground, what)


def _read(ground: _Ground, path: Path) -> dict[str, Session]:
    """Return what a new file has, read as rouser reads it from its place."""
    with TemporaryDirectory(dir=ground.root) as home:
        (Path(home) / "rouser.db").write_bytes(path.read_bytes())
        with Store(Path(home)) as store:
            if complaints := store.check_integrity():
                raise ValueError(f"the new file is not sound: {complaints}")
            for name in ground.versions:
                store.history(name)
            return {session.id: session for session in store.sessions()}


def _enough(tally: Tally, ground: _Ground, what: str, data: bytes, saved: Salvaged, found: set[str]) -> None:
    missing = set(ground.versions) - found
    needless = missing - ground.touched(data)
    tally.check(ENOUGH, not needless, f"{what}: {sorted(needless)} were not on it, and are not there")
    wrong = set(saved.lost) & found
    tally.check(ENOUGH, not wrong, f"{what}: {sorted(wrong)} are said to be lost")


def _through_commands(tally: Tally, ground: _Ground, what: str) -> None:
    """Do as a user would: salvage, put the new file in its place, list, and work on."""
    target = ground.root / "by-command.db"
    done = _rouser(ground, "doctor", "--salvage", str(target), "--json")
    if done.returncode:
        tally.case(USED, f"{what}: {done.stderr}")
        return
    damaged = ground.path.read_bytes()
    target.replace(ground.path)
    listed = _rouser(ground, "ls", "--json", "--no-probe")
    number = len(json.loads(listed.stdout)) if not listed.returncode else -1
    wanted = json.loads(done.stdout)["sessions"]
    tally.check(USED, number == wanted, f"{what}: {number} of {wanted} are listed: {listed.stderr}")
    with tally.guarded(USED, what), Store(ground.home) as store:
        store.remove(store.add(make_session(ground.root / "shop"), "added"), "removed")
    ground.put(damaged)


def _rouser(ground: _Ground, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ROUSER_HOME": str(ground.home), "ROUSER_CONFIG": str(ground.root / "none.toml")}
    command = [sys.executable, "-m", "rouser", *arguments]
    return subprocess.run(
        command, env=environment, cwd=ground.root, capture_output=True, text=True, check=False, timeout=_SECONDS
    )


def _refused(tally: Tally, ground: _Ground) -> None:
    """Name a place where something is already: a file, the database itself, a link, a directory, a FIFO."""
    ground.put(ground.data)
    there = ground.root / "there"
    there.write_text("precious")
    link, pipe = ground.root / "link", ground.root / "pipe"
    link.symlink_to(ground.root / "nowhere")
    os.mkfifo(pipe)
    before = sorted(ground.root.iterdir())
    for target in (there, ground.path, link, pipe, ground.root, ground.root / "no" / "directory"):
        tally.check(ALONE, _fails(ground.path, target), f"{target.name} is written to")
    tally.check(ALONE, there.read_text() == "precious", "what was there was written over")
    tally.check(ALONE, sorted(ground.root.iterdir()) == before, "something was made beside it")
    tally.check(ALONE, ground.path.read_bytes() == ground.data, "the database was written over")


def _full(tally: Tally, ground: _Ground) -> None:
    """Salvage to a disk that has no room for it, or takes nothing."""
    if not can_mount():
        tally.skip("salvaging to a full disk: not possible here, as this user may mount none")
        return
    ground.put(ground.data)
    place = ground.root / "disk"
    for kind in ("full", "read-only"):
        with mounted(place) as disk:
            disk.become(kind)
            target = place / "new.db"
            tally.check(ALONE, _fails(ground.path, target), f"a {kind} disk: it is said to be saved")
            tally.check(ALONE, not target.exists(), f"a {kind} disk: half a file is left")
            disk.mend()
        place.rmdir()
    tally.check(ALONE, ground.path.read_bytes() == ground.data, "the database was written over")


def _fails(source: Path, target: Path) -> bool:
    try:
        salvage(source, target)
    except StoreError:
        return True
    return False
