"""The commands that are tormented: what each begins from, and what comes after it."""

from __future__ import annotations

import random
from dataclasses import dataclass

from torture.lab import VICTIM

SPAWN = ("spawn", "the task", "--name", VICTIM, "--agent", "command", "--json", "--", "cat")


@dataclass(frozen=True, slots=True)
class Next:
    """A command that comes next, when the session is still on record.

    :ivar command: its argv.
    :ivar codes: the exit codes that it may have. 9: the branch is gone, so only ``rm`` is left.
    :ivar runs: whether the agent must run when all is done.
    """

    command: tuple[str, ...]
    codes: tuple[int, ...] = (0,)
    runs: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """One command in one state.

    :ivar name: how the scene is called in messages.
    :ivar state: a state of the lab, which it begins from.
    :ivar command: its argv.
    :ivar nexts: what may come next.
    """

    name: str
    state: str
    command: tuple[str, ...]
    nexts: tuple[Next, ...]

    @property
    def has_work(self) -> bool:
        """Whether the victim has work that is not committed from the beginning."""
        return self.state not in {"gone", "kept"}

    @property
    def removes(self) -> bool:
        """Whether it removes the session."""
        return self.command[0] == "rm"

    def next(self, number: int) -> Next:
        """Return what comes next in the case of this number, always the same."""
        return random.Random(number).choice(self.nexts)


_RESTORE = Next(("restore", VICTIM), (0, 7), runs=True)
_PUT_BACK = Next(("snapshots", "restore", VICTIM, "1"))
REMOVE = Next(("rm", "--force", VICTIM))

SCENES = (
    Scene("the first spawn", "blank", SPAWN, (_RESTORE, REMOVE)),
    Scene("a restore", "dead", _RESTORE.command, (_RESTORE,)),
    Scene("a restore with its worktree", "gone", _RESTORE.command, (_RESTORE, REMOVE)),
    Scene("a send", "live", ("send", VICTIM, "hello"), (Next(("send", VICTIM, "hello"), runs=True),)),
    Scene("a kill", "live", ("kill", VICTIM), (Next(("kill", VICTIM)), _RESTORE)),
    Scene("putting a snapshot back", "kept", _PUT_BACK.command, (_PUT_BACK,)),
    Scene("an rm", "live", REMOVE.command, (REMOVE, Next(("restore", VICTIM), (0, 7, 9), runs=True))),
)
