"""Random sequences of edits, commits, crashes, deletions and restores; every byte that was snapshotted is looked for."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from contextlib import suppress
from functools import partial
from pathlib import Path

from support.waiting import wait_for
from support.world import Done, World, new_world

from torture.forked import HungError, once, warm_up
from torture.runners import all_within
from torture.spreading import side_by_side
from torture.tally import Tally

TITLE = "work that was snapshotted, through edits, commits, crashes, deletions and restores"

KEPT = "every byte that a snapshot was taken of is in it until the end"
BACK = "a lost workspace comes back with its branch and the uncommitted work of its newest snapshot"
REMOVED = "a session that is removed by force leaves its last work as a snapshot"

_SECONDS = 120
_NAMES = ("a.txt", "b", "sub/c", "sub/deep/d", "odd\nname", " e ", "run")
_DRAFT = ".rouser-draft-"
_ROUNDS = 2
_LONGEST = 0.35  # within which each command that is killed would be at its end

Files = dict[str, bytes]


class _OverError(Exception):
    """A sequence ends, as what was found to be wrong would come up again."""


class _Sequence:
    """One session, what its workspace has to hold, and what each of its snapshots has to hold."""

    def __init__(self, tally: Tally, world: World, seed: int) -> None:
        self.tally, self.world, self.seed = tally, world, seed
        self.chance = random.Random(seed)
        self.committed: Files = {}
        self.snapshots: dict[int, tuple[Files, Files]] = {}
        self.blobs: Files = {}
        self.id, self.path = "", world.root

    def git(self, *arguments: str, at: Path | None = None) -> bytes:
        done = subprocess.run(
            ["git", *arguments],
            cwd=at or self.world.repository,
            env=self.world.environment,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"git {arguments}: {done.stderr.decode(errors='replace')}")
        return done.stdout

    def rouser(self, *arguments: str) -> Done:
        """Run a command to its end."""
        return once(self.world, *arguments, seconds=_SECONDS)

    def rouser_killed(self, *arguments: str) -> None:
        """Run a command to a SIGKILL at some moment of it, or to its end."""
        with suppress(HungError):
            once(self.world, *arguments, seconds=self.chance.uniform(0, _LONGEST))
        # A git that it had started goes on by itself, and may make the snapshot of now after the next edit.
        wait_for(lambda: "git" not in map(_name, all_within(self.world.root)), "its gits have ended", _SECONDS)

    def must(self, promise: str, *arguments: str) -> Done:
        """Run a command that has to succeed; it is a violation if it does not."""
        done = self.rouser(*arguments)
        if done.code:
            self.tally.case(promise, f"seed {self.seed}: rouser {arguments[0]}: {done.err[-300:]}")
            raise _OverError
        return done

    def files(self, *, drafts: bool = False) -> Files:
        """Return what is in the workspace.

        :param drafts: also what a killed restore was writing, which no snapshot holds and the next restore removes.
        """
        found = {}
        for place in sorted(self.path.rglob("*")):
            is_left_out = place.name.startswith(_DRAFT) and not drafts
            if place.is_file() and place.relative_to(self.path).parts[0] != ".git" and not is_left_out:
                found[str(place.relative_to(self.path))] = place.read_bytes()
        return found

    def run(self) -> None:
        self._begin()
        for _ in range(_ROUNDS):
            self._work()
            self._lose_and_restore()
        self._remove()

    def _begin(self) -> None:
        (self.world.repository / "a.txt").write_text("begin\n")
        self.git("add", "a.txt")
        self.git("commit", "-qm", "Begin")
        spawned = self.must(BACK, "spawn", "", "--name", "work", "--json", "--", "cat").json
        self.id, self.path = spawned["id"], Path(spawned["workspace_path"])
        self.committed = self.files()
        self.must(BACK, "kill", "work")

    def _work(self) -> None:
        for _ in range(self.chance.randrange(3, 8)):
            action = self.chance.choice([self._edit] * 4 + [self._commit, self._snapshot, self._snapshot_killed])
            action()
        self._edit()
        if not self.snapshots or self.chance.random() < 0.6:
            self._snapshot()
        while not self.snapshots:  # the edits undid each other, and there was nothing to keep
            self._edit()
            self._snapshot()

    def _edit(self) -> None:
        file = self.path / self.chance.choice(_NAMES)
        if file.exists() and self.chance.random() < 0.3:
            file.unlink()
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self.chance.randbytes(self.chance.randrange(0, 5000)))

    def _commit(self) -> None:
        self.git("add", "-A", at=self.path)
        self.git("commit", "-q", "--allow-empty", "-m", "Work", at=self.path)
        self.committed = self.files()

    def _snapshot(self) -> None:
        self.must(KEPT, "snapshot", self.chance.choice(["work", "--all"]))
        self._note()

    def _snapshot_killed(self) -> None:
        self.rouser_killed("snapshot", "work")
        self._note()

    def _note(self) -> None:
        """Take note of what the snapshots that are new have to hold: nothing has changed since they were taken."""
        for name in self.git("for-each-ref", "--format=%(refname)", f"refs/rouser/{self.id}/").decode().split():
            self.snapshots.setdefault(int(name.rpartition("/")[2]), (self.files(), dict(self.committed)))

    def _lose_and_restore(self) -> None:
        way = self.chance.choice(["delete", "delete", "git", "branch"])
        kept, base = self.snapshots[max(self.snapshots)]
        if way == "delete":
            shutil.rmtree(self.path)
        else:
            self.git("worktree", "remove", "--force", str(self.path))
        if way == "branch":
            self.git("branch", "-D", "rouser/work")
            self.committed = dict(base)
        for _ in range(self.chance.randrange(3)):
            self.rouser_killed("restore", "work")
        self.rouser("kill", "work")  # a restore that was killed may have come as far as the agent
        self._note()  # ending it may have kept a workspace whose work is not back yet
        self.must(BACK, "restore", "work")
        wanted = self._wanted(kept, base)
        found = self.files(drafts=True)
        wrong = sorted(name for name in wanted | found if wanted.get(name) != found.get(name))
        self.tally.check(BACK, not wrong, f"seed {self.seed}, {way}: {wrong} came back otherwise")
        self.rouser("kill", "work")
        self._note()
        if wrong:
            raise _OverError

    def _wanted(self, kept: Files, base: Files) -> Files:
        """Return what has to come back: the branch, and over it what the snapshot had changed and no commit since."""
        wanted = dict(self.committed)
        for name in kept.keys() | base.keys():
            if kept.get(name) != base.get(name) and self.committed.get(name) == base.get(name):
                wanted.pop(name, None)
                if name in kept:
                    wanted[name] = kept[name]
        return wanted

    def _remove(self) -> None:
        self._edit()
        (self.path / "last").write_bytes(self.chance.randbytes(3000))
        last = self.files()
        self.rouser_killed("rm", "work", "--force")
        done = self.rouser("rm", "work", "--force")
        gone = not done.code or "no session matches" in done.err
        self.tally.check(REMOVED, gone, f"seed {self.seed}: {done.err[-300:]}")
        for name in self.git("for-each-ref", "--format=%(refname)", f"refs/rouser/{self.id}/").decode().split():
            self.snapshots.setdefault(int(name.rpartition("/")[2]), (last, dict(self.committed)))
        newest = self.snapshots[max(self.snapshots)][0]
        self.tally.check(REMOVED, newest == last, f"seed {self.seed}: no snapshot of the last work")
        self.git("gc", "-q", "--prune=now")
        for number, (wanted, _) in self.snapshots.items():
            found = self._content(f"refs/rouser/{self.id}/{number}")
            lost = sum(len(data) for name, data in wanted.items() if found.get(name) != data)
            self.tally.check(KEPT, found == wanted, f"seed {self.seed}: {lost} bytes of snapshot {number} are lost")

    def _content(self, reference: str) -> Files:
        found = {}
        for line in self.git("ls-tree", "-r", "-z", reference).split(b"\0"):
            if line:
                facts, _, name = line.partition(b"\t")
                found[os.fsdecode(name)] = self._blob(facts.split()[2].decode())
        return found

    def _blob(self, identity: str) -> bytes:
        if identity not in self.blobs:
            self.blobs[identity] = self.git("cat-file", "blob", identity)
        return self.blobs[identity]


def run(tally: Tally, quick: bool) -> None:
    pieces = [partial(_sequence, seed) for seed in range(15 if quick else 200)]
    side_by_side(tally, pieces, processes=os.cpu_count())


def _sequence(seed: int, tally: Tally) -> None:
    world = new_world()
    world.extra |= {"ROUSER_RUNTIME": "process", "ROUSER_PROCESS_DIRECTORY": str(world.root / "p")}
    world.extra |= {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    warm_up(world)
    sequence = _Sequence(tally, world, seed)
    try:
        sequence.run()
    except _OverError:
        pass
    except Exception as error:
        tally.case(KEPT, f"seed {seed}: {type(error).__name__}: {error}")
    finally:
        sequence.rouser("rm", "work", "--force", "--no-snapshot")
        world.end()


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
