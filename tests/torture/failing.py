"""Every system call on the state, git and tmux fails, once or for good, and the disk is small, full or read-only."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rouser import errors
from torture.audit import CLEAN, continue_after, look
from torture.lab import Lab
from torture.scenes import SCENES, Scene
from torture.spreading import Finding, count, spread
from torture.syscalls import Call
from torture.tally import Tally
from torture.tracer import Fail, Strike, Traced

TITLE = "every system call fails with ENOSPC, EIO, EROFS, EACCES or EINTR, and the disk is small, full or read-only"

TYPED = "A call that fails is one line that says what happened, with a documented exit code, or does no harm"
AFTER = "When the disk works again, the next command completes or undoes what had failed"
REAL = "On a disk of 64 kB, a full one and a read-only one, every command succeeds or fails in one line"

_OPENING = {
    "open",
    "openat",
    "mkdir",
    "mkdirat",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "rmdir",
}
_WRITING = {"write", "pwrite64", "writev", "fsync", "fdatasync", "ftruncate", "fallocate"}
_ERRORS = {
    errno.EIO: None,
    errno.ENOSPC: (_OPENING | _WRITING) - {"unlink", "unlinkat", "rmdir"},
    errno.EROFS: _OPENING,
    errno.EACCES: _OPENING | {"stat", "lstat", "newfstatat", "flock"},
    errno.EINTR: _WRITING | {"open", "openat", "read", "pread64", "flock", "fcntl"},
}
"""Which calls fail with an error; None: all of them."""

_ALIKE = 1  # of calls that are alike, so many of the first and of the last fail
_QUICK_STEP = 37
_KNOWN = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.RouserError)]
_CODES = {0, *(kind.exit_code for kind in _KNOWN)}
_RANDOM = re.compile(r"(?<=objects/)[0-9a-f]{2}\b|[0-9a-f]{8,}|\d+|\b(tmp_|tmp)\w+")


@dataclass(frozen=True, slots=True)
class Case:
    """A call of a scene that fails, counted from 0 among all that the lab shows.

    :ivar for_good: whether all later changes in the same place fail too.
    """

    scene: Scene
    number: int
    error: int
    for_good: bool = False


def run(tally: Tally, quick: bool) -> None:
    cases = [case for found in spread(SCENES, _cases) for case in found]
    count(tally, cases[::_QUICK_STEP] if quick else cases, _fail)
    if os.geteuid():
        tally.skip("real file systems, as mounting them takes root")
        return
    disks = [Disk(scene, part, kind) for scene in SCENES for part in ("home", "wt", "shop") for kind in _KINDS]
    count(tally, disks[::5] if quick else disks, _on_disk)


def _cases(lab: Lab, scene: Scene) -> list[Case]:
    alike: dict[tuple[object, ...], list[int]] = defaultdict(list)
    calls: list[Call] = []

    def note(call: Call) -> Strike:
        alike[call.name, call.changing, call.own, _kind(lab, call)].append(len(calls))
        calls.append(call)
        return None

    lab.begin(scene.state)
    done = lab.traced(scene.command, note)
    if done.code:
        raise RuntimeError(f"{scene.name}: {done.err}")
    chosen = sorted({number for numbers in alike.values() for number in (*numbers[:_ALIKE], *numbers[-_ALIKE:])})
    found = []
    for number in chosen:
        name, changing = calls[number].name, calls[number].changing
        failures = [error for error, names in _ERRORS.items() if names is None or name in names]
        if not changing:
            failures = [error for error in failures if error not in {errno.ENOSPC, errno.EROFS}]
        found += [Case(scene, number, error) for error in failures]
        if changing and name in _OPENING | _WRITING:
            found += [Case(scene, number, error, for_good=True) for error in (errno.ENOSPC, errno.EROFS)]
    return found


def _kind(lab: Lab, call: Call) -> str:
    """Return what calls have in common that are alike: their files, or where a child only reads them, their place."""
    paths = [_RANDOM.sub("N", path.removeprefix(str(lab.world.root))) for path in call.paths]
    return " ".join(paths if call.own or call.changing else (path[:12] for path in paths))


def _fail(lab: Lab, case: Case) -> Iterable[Finding]:
    scene, number, seen, struck, place = case.scene, case.number, -1, "", ""

    def strike(call: Call) -> Strike:
        nonlocal seen, struck, place
        seen += 1
        if seen == number:
            paths = [path.removeprefix(str(lab.world.root)) for path in call.paths]
            struck, place = f"{call.name} {' '.join(paths)}", paths[0].split("/")[1] if "/" in paths[0] else ""
            return Fail(case.error)
        if not (case.for_good and place and call.changing and call.name in _OPENING | _WRITING):
            return None
        there = any(path.startswith(f"{lab.world.root}/{place}/") for path in call.paths)
        return Fail(case.error) if there else None

    lab.begin(scene.state)
    before = lab.records()
    done = lab.traced(scene.command, strike)
    if not struck:  # this time there were fewer calls, as what is waited for was quicker
        return
    often = " and from then on" if case.for_good else ""
    what = f"{scene.name}, {errno.errorcode[case.error]}{often} at {number} {struck}"
    yield TYPED, _typed(done, what)
    for promise, broken in _examine(lab, scene, number, before):
        yield promise, broken and f"{what}: {broken} (it said: {done.err.strip()})"


def _typed(done: Traced, what: str) -> str | None:
    lines = done.err.strip().splitlines()
    complaints = [line for line in lines if line.startswith("error:")]
    if "Traceback" in done.err or done.code not in _CODES or len(complaints) != (done.code != 0):
        return f"{what}: exit code {done.code}: {done.err.strip()}"
    return None


def _examine(lab: Lab, scene: Scene, number: int, before: dict[str, dict[str, object]]) -> Iterator[Finding]:
    lab.wait_until_idle()
    yield from look(lab, before, removed=scene.removes, work=scene.state != "gone")
    broken, left = continue_after(lab, scene.next(number), branches=False)
    yield AFTER, broken
    yield CLEAN, left


_KINDS = ("64 kB", "full", "read-only")


@dataclass(frozen=True, slots=True)
class Disk:
    """A scene whose part of the world is on a disk of a kind."""

    scene: Scene
    part: str
    kind: str


def _on_disk(lab: Lab, case: Disk) -> Iterable[Finding]:
    scene, place = case.scene, lab.world.root / case.part
    lab.begin(scene.state)
    before = lab.records()
    with _mounted(place) as disk:
        disk.become(case.kind)
        done = lab.rouser(*scene.command)
        disk.mend()
        what = f"{scene.name} with {case.part} on a {case.kind} disk"
        yield REAL, _typed(done, what)
        for promise, broken in _examine(lab, scene, 0, before):
            yield promise, broken and f"{what}: {broken} (it said: {done.err.strip()})"
        lab.kill_agents()


class _Mount:
    """A file system in memory, which begins large."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._filler = place / "filler"

    def become(self, kind: str) -> None:
        if kind == "read-only":
            self._remount("ro")
            return
        used = int(subprocess.check_output(["du", "-s", "--block-size=4096", str(self._place)]).split()[0])
        pages = max(16, used + 2) if kind == "64 kB" else used + 16
        self._remount(f"size={pages * 4096}")
        if kind == "full":
            with self._filler.open("wb", buffering=0) as file:
                try:
                    while file.write(bytes(4096)):
                        pass
                except OSError:
                    return

    def mend(self) -> None:
        self._remount("rw,size=64m")
        self._filler.unlink(missing_ok=True)

    def _remount(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", str(self._place)], check=True, timeout=30)


@contextmanager
def _mounted(place: Path) -> Iterator[_Mount]:
    """Have a file system of its own at ``place``, with what is there now."""
    aside = place.with_name("aside")
    if place.exists():
        place.rename(aside)
    place.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "none", str(place)], check=True, timeout=30)
    try:
        if aside.exists():
            shutil.copytree(aside, place, symlinks=True, dirs_exist_ok=True)
        yield _Mount(place)
    finally:
        os.chdir("/")
        subprocess.run(["umount", "--lazy", str(place)], check=True, timeout=30)
        shutil.rmtree(aside, ignore_errors=True)
