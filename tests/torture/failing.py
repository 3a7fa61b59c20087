"""Every system call on the state, git and tmux fails, once or for good, and the disk is small, full or read-only."""

from __future__ import annotations

import errno
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from rouser import errors
from torture.audit import CLEAN, continue_after, look
from torture.disks import KINDS, can_mount, mounted
from torture.lab import PARTS, Lab
from torture.scenes import SCENES, Scene
from torture.spreading import Finding, count, spread
from torture.syscalls import Call
from torture.tally import Tally
from torture.tracer import Fail, Strike, Traced, impossible

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

_OF_DISKS = {errno.ENOSPC, errno.EROFS}
"""What only a call that changes something can fail with, and what stays until somebody mends the disk."""

_TURNS = {True: 2, False: 1}
"""How many of the errors that take turns a kind of call fails with: one of rouser itself, one of a child."""

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
    if reason := impossible():
        tally.skip(reason)
        return
    cases = [case for found in spread(SCENES, _cases, Lab) for case in found]
    tries = [partial(_fail, case=case) for case in (cases[::_QUICK_STEP] if quick else cases)]
    if can_mount():
        disks = [DiskCase(scene, part, kind) for scene in SCENES for part in PARTS for kind in KINDS]
        tries += [partial(_on_disk, case=case) for case in (disks[::5] if quick else disks)]
    else:
        tally.skip("small, full and read-only disks: not possible here, as this user may mount none")
    count(tally, tries, lambda lab, attempt: attempt(lab), Lab)


def _cases(lab: Lab, scene: Scene) -> list[Case]:
    """Return the failures to try: of the first call of each kind several, of the last one EIO if it changes something.

    Every kind of call fails with EIO, and what rouser itself writes also on a disk that is full for good. The other
    errors that a call can have take turns, from one kind to the next.
    """
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
    found = []
    for turn, (first, *more) in enumerate(alike.values()):
        call = calls[first]
        others = _other_failures(call)
        chosen = [(errno.EIO, False)]
        if call.own and (errno.ENOSPC, True) in others:
            chosen.append((errno.ENOSPC, True))
            others.remove((errno.ENOSPC, True))
        chosen += [others[(turn + step) % len(others)] for step in range(min(_TURNS[call.own], len(others)))]
        found += [Case(scene, first, error, for_good) for error, for_good in chosen]
        if more and call.changing:
            found.append(Case(scene, more[-1], errno.EIO))
    return sorted(found, key=lambda case: (case.number, case.error, case.for_good))


def _other_failures(call: Call) -> list[tuple[int, bool]]:
    """Return how else than with EIO a call can fail: the error, and whether from then on.

    Why a git could not read something makes no difference to rouser.
    """
    if not call.own and not call.changing:
        return []
    found = [
        (error, False)
        for error, names in _ERRORS.items()
        if names is not None and call.name in names and (call.changing or error not in _OF_DISKS)
    ]
    if call.changing and call.name in _OPENING | _WRITING:
        found += [(error, True) for error in sorted(_OF_DISKS)]
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
    yield from look(lab, before, removed=scene.removes, work=scene.has_work)
    broken, left = continue_after(lab, scene.next(number), branches=False)
    yield AFTER, broken
    yield CLEAN, left
    if scene.state == "kept":
        yield from look(lab, before, removed=False, work=True)


@dataclass(frozen=True, slots=True)
class DiskCase:
    """A scene whose part of the world is on a disk of a kind."""

    scene: Scene
    part: str
    kind: str


def _on_disk(lab: Lab, case: DiskCase) -> Iterable[Finding]:
    scene, place = case.scene, lab.world.root / case.part
    lab.begin(scene.state)
    before = lab.records()
    with mounted(place) as disk:
        disk.become(case.kind)
        done = lab.rouser(*scene.command)
        disk.mend()
        what = f"{scene.name} with {case.part} on a {case.kind} disk"
        yield REAL, _typed(done, what)
        for promise, broken in _examine(lab, scene, 0, before):
            yield promise, broken and f"{what}: {broken} (it said: {done.err.strip()})"
        lab.kill_agents()
