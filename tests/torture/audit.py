"""What must be true of a lab after anything: looked at with sqlite3, tmux and the file system, without rouser."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from rouser.models import SessionStatus
from torture.lab import BYSTANDER, VICTIM, Lab, path_of
from torture.scenes import REMOVE, SPAWN, Next
from torture.spreading import Finding

WHOLE = "Every record is what it was before or what it is after, and none is lost"
OWNED = "No runtime is without a record"
ONE = "No session has two runtimes"
WORK = "Work that is not committed stays"
CLEAN = "After the next command and snapshot nothing temporary is left: no drafts, locks, launch files or paste buffers"

_RUNS = 7
_WORKSPACE_MISSING = 9
_STATES = set(SessionStatus)


def look(lab: Lab, before: dict[str, dict[str, Any]], *, removed: bool, work: bool) -> list[Finding]:
    """Return how what must always be true fared.

    :param before: the records before anything was done.
    :param removed: whether the victim may have been removed.
    :param work: whether the victim had work that was not committed.
    """
    records = lab.records()
    return [
        (WHOLE, "; ".join(_torn(lab, before, records, removed=removed)) or None),
        (OWNED, "; ".join(_unowned(lab, records)) or None),
        (ONE, "; ".join(_doubled(lab)) or None),
        (WORK, "; ".join(_lost_work(lab, before, removed=removed, work=work)) or None),
    ]


def _torn(
    lab: Lab, before: dict[str, dict[str, Any]], records: dict[str, dict[str, Any]], *, removed: bool
) -> Iterator[str]:
    yield from lab.complaints()
    if records.get(BYSTANDER) != before.get(BYSTANDER):
        yield f"the record of a session that had no part in it is {records.get(BYSTANDER)}"
    if VICTIM in before and VICTIM not in records and not removed:
        yield "the record is lost"
    for record in records.values():
        statuses = lab.statuses(record["id"])
        if not statuses or statuses[-1] != record["status"] or record["status"] not in _STATES:
            yield f"the record says {record['status']}, its history ends with {statuses[-1:]}"


def _unowned(lab: Lab, records: dict[str, dict[str, Any]]) -> Iterator[str]:
    known = {record["id"]: record for record in records.values()}
    for pane in lab.panes():
        record = known.get(pane.session_id)
        if record is None:
            yield f"the runtime {pane.tmux_session} of {pane.session_id or 'nobody'} has no record"
        elif record["pending"] is None and pane.token not in (record["runtime_handle"] or ""):
            yield f"the record of {pane.tmux_session} knows nothing of its runtime"


def _doubled(lab: Lab) -> Iterator[str]:
    for session, count in Counter(pane.session_id for pane in lab.panes() if not pane.dead).items():
        if count > 1:
            yield f"{count} runtimes of {session}"


def _lost_work(lab: Lab, before: dict[str, dict[str, Any]], *, removed: bool, work: bool) -> Iterator[str]:
    for name, record in before.items():
        path = path_of(record)
        if path is None or (name == VICTIM and (removed or not work)):
            continue
        for file in ("unfinished", "README"):
            if not (path / file).exists() or (path / file).read_text() != f"work of {name}\n":
                yield f"the work of {name} in {file} is gone"


def continue_after(lab: Lab, next_: Next, *, branches: bool) -> tuple[str | None, str | None]:
    """Run the command that comes next; return what is wrong with it or its outcome, and what it left behind.

    :param branches: whether a branch without a session, and git's own lock on a new worktree, are something left
        behind; a git that could not tell whether there is work on a branch, or whose disk fails, leaves them.
    """
    if VICTIM not in lab.records():
        next_ = Next(SPAWN, runs=True)
    done = lab.rouser(*next_.command)
    if done.code in next_.codes and done.code == _WORKSPACE_MISSING:
        next_ = REMOVE
        done = lab.rouser(*next_.command)
    if done.code not in next_.codes:
        return f"{' '.join(next_.command)} exits with {done.code}: {done.err.strip()}", None
    unsettled = _unsettled(lab, runs=next_.runs)
    if _leftovers(lab, branches=branches) and VICTIM in lab.records():
        if done.code == _RUNS:  # it did nothing, so the one that comes after it is the next
            lab.rouser("kill", VICTIM)
            lab.rouser(*next_.command)
        lab.rouser("snapshot", VICTIM)
    return unsettled, "; ".join(_leftovers(lab, branches=branches)) or None


def _unsettled(lab: Lab, *, runs: bool) -> str | None:
    """Return what is wrong with the victim after the next command; None when all is well."""
    record, panes = lab.records().get(VICTIM), lab.panes()
    live = [pane for pane in panes if not pane.dead]
    if not runs:
        return f"still running: {panes}" if live else None
    if record is None or len(live) != 1:
        return f"{len(live)} runtimes, the record is {record}"
    path = path_of(record)
    if path is None or not (path / "README").exists():
        return f"the workspace is not complete: {path}"
    if record["pending"] is not None or live[0].token not in (record["runtime_handle"] or ""):
        return f"the record does not know its runtime: {record}"
    return None


def _leftovers(lab: Lab, *, branches: bool) -> list[str]:
    """Return what is there that no record explains."""
    records = lab.records()
    found = [f"paste buffer {name}" for name in lab.buffers()]
    homes = {lab.home / "rouser.db", lab.home / "launch", lab.home / "locks"}
    expected = {path.parent / f".{path.name}.json" for path in map(path_of, records.values()) if path}
    expected |= {path for path in map(path_of, records.values()) if path}
    for directory, allowed in (
        (lab.home, homes),
        (lab.home / "launch", set()),
        (lab.home / "locks", set()),
        (lab.world.root / "wt" / "shop", expected),
        (lab.world.root / "tmp", set()),
    ):
        if directory.is_dir():
            found += sorted(str(path) for path in directory.iterdir() if path not in allowed)
    git = lab.git_directory
    found += sorted(str(path) for pattern in ("*.lock", "rouser-snapshot*") for path in git.rglob(pattern))
    worktrees = {path.name for path in map(path_of, records.values()) if path}
    for entry in sorted((git / "worktrees").glob("*")):
        if entry.name not in worktrees or (branches and (entry / "locked").exists()):
            found.append(str(entry))
    there = {path.name for path in (git / "refs" / "heads" / "rouser").glob("*")}
    if branches:
        found += [f"branch {name}" for name in sorted(there - {record["branch"][7:] for record in records.values()})]
    return found
