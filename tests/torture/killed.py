"""SIGKILL at every system call that touches the store, the locks, the launch files or git, and around every hook."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from torture.audit import CLEAN, continue_after, look
from torture.lab import VICTIM, Lab
from torture.scenes import REMOVE, SCENES, SPAWN, Scene
from torture.spreading import Finding, count, spread
from torture.syscalls import CHANGING, Call
from torture.tally import Tally
from torture.tracer import Kill, Strike, impossible
from torture.witness import testify

TITLE = "SIGKILL at every system call on the state, git and tmux, and around every hook call"

ACKNOWLEDGED = "What a command acknowledged before it was killed is there"
NEXT = "The next command completes or undoes what a killed one began"

_QUICK_STEP = 23


@dataclass(frozen=True, slots=True)
class Case:
    """One kill: of whom, at which changing call of a scene, counted from 0."""

    scene: Scene
    number: int
    victims: str


def run(tally: Tally, quick: bool) -> None:
    if reason := impossible():
        tally.skip(reason)
        return
    surveyed = list(spread(SCENES, _survey, Lab))
    kills = [partial(_kill, case=case) for one in surveyed for case in one.kills]
    boundaries = [partial(_kill_at_hook, case=case) for one in surveyed for case in one.boundaries]
    tries: list[Callable[[Lab], Iterable[Finding]]] = kills[::_QUICK_STEP] if quick else [*kills]
    tries += boundaries[:: _QUICK_STEP // 3] if quick else boundaries
    tries += [partial(_overlooked, scene=scene) for scene in SCENES[:: 3 if quick else 1]]
    count(tally, tries, lambda lab, attempt: attempt(lab), Lab)


@dataclass(frozen=True, slots=True)
class _Survey:
    """What a scene can suffer.

    :ivar kills: a kill at each call that changes something: of all, and where a child is at work also of one of the
        two.
    :ivar boundaries: the numbers of the moments before and after hook calls.
    """

    kills: list[Case]
    boundaries: list[tuple[Scene, int]]


def _survey(lab: Lab, scene: Scene) -> _Survey:
    kills = [
        Case(scene, number, victims)
        for number, call in enumerate(changes(lab, scene))
        for victims in ((Kill.ALL,) if call.own else (Kill.ALL, Kill.COMMAND, Kill.CALLER))
    ]
    lab.begin(scene.state)
    done, boundaries = lab.killed_at_hook(scene.command, -1)
    if done.code or not boundaries:
        raise RuntimeError(f"{scene.name}: {done.err}")
    return _Survey(kills, [(scene, number) for number in range(len(boundaries))])


def _kill_at_hook(lab: Lab, case: tuple[Scene, int]) -> list[Finding]:
    scene, number = case
    lab.begin(scene.state)
    before = lab.records()
    done, boundaries = lab.killed_at_hook(scene.command, number)
    what = f"{scene.name}, killed {boundaries[-1:]}, boundary {number}"
    return [
        (promise, broken and f"{what}: {broken}") for promise, broken in _examine(lab, scene, number, before, done.out)
    ]


def _overlooked(lab: Lab, scene: Scene) -> list[Finding]:
    return testify(lab, scene, changes(lab, scene))


def changes(lab: Lab, scene: Scene) -> list[Call]:
    """Return the calls of a scene that change something, in the order in which they are made."""
    found: list[Call] = []

    def note(call: Call) -> Strike:
        if call.changing:
            found.append(call)
        return None

    lab.begin(scene.state)
    done = lab.traced(scene.command, note, CHANGING)
    if done.code:
        raise RuntimeError(f"{scene.name}: {done.err}")
    return found


def _kill(lab: Lab, case: Case) -> list[Finding]:
    scene, number, left, struck = case.scene, case.number, case.number, ""

    def strike(call: Call) -> Strike:
        nonlocal left, struck
        if not call.changing:
            return None
        left -= 1
        if left != -1:
            return None
        struck = f"{call.name} {' '.join(path.removeprefix(str(lab.world.root)) for path in call.paths)}"
        return case.victims

    lab.begin(scene.state)
    before = lab.records()
    done = lab.traced(scene.command, strike, CHANGING)
    if not struck:  # this time there were fewer calls, as what is waited for was quicker
        return []
    what = f"{scene.name}, {case.victims} killed at {number} {struck}"
    return [
        (promise, broken and f"{what}: {broken}") for promise, broken in _examine(lab, scene, number, before, done.out)
    ]


def _examine(lab: Lab, scene: Scene, number: int, before: dict[str, dict[str, object]], out: str) -> Iterable[Finding]:
    next_ = scene.next(number)
    lab.wait_until_idle()
    yield from look(lab, before, removed=scene.removes, work=scene.has_work)
    acknowledged = scene.command == SPAWN and f'"name": "{VICTIM}"' in out
    lost = acknowledged and VICTIM not in lab.records()
    yield ACKNOWLEDGED, f"it said {out!r}, and there is no record" if lost else None
    broken, left = continue_after(lab, next_, branches=True)
    yield NEXT, broken
    yield CLEAN, left
    yield from look(lab, before, removed=scene.removes or next_.command == REMOVE.command, work=scene.state != "gone")
