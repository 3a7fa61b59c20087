"""Keeps the work in workspaces before something could destroy it, and gives it back."""

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from rouser.errors import (
    LivenessUnknownError,
    PluginError,
    SessionAliveError,
    SessionNotFoundError,
    SnapshotError,
    WorkspaceMissingError,
)
from rouser.host import Host
from rouser.liveness import probe
from rouser.models import Session, Snapshot
from rouser.providers import workspace_of
from rouser.runtime_provider import Runtime
from rouser.schema import LOST, RECREATED
from rouser.store import Store, now
from rouser.workspace_provider import Directory, Workspace


class PutBack(NamedTuple):
    """What putting a snapshot back did.

    :ivar session: whose it is.
    :ivar snapshot: what was put back.
    :ivar before: the snapshot of what was in the workspace before. None: nothing that was not kept already.
    :ivar left: the names of the files that something is in the way of.
    """

    session: Session
    snapshot: Snapshot
    before: Snapshot | None
    left: tuple[str, ...]


def keep(store: Store, workspace: Workspace | Directory, session: Session, path: Path, reason: str) -> Snapshot | None:
    """Take a snapshot of one workspace and note it in the history.

    :returns: None when there is nothing to keep that is not kept already, or the plugin keeps nothing.
    :raises PluginError: it could not be kept.
    """
    if isinstance(workspace, Directory) or not workspace.keeps_snapshots:
        return None
    snapshot = workspace.snapshot(session, path, reason)
    if snapshot is not None:
        store.note(session, "snapshot", _noted(snapshot))
    return snapshot


def _noted(snapshot: Snapshot) -> dict[str, object]:
    return {
        "number": snapshot.number,
        "commit": snapshot.commit,
        "reason": snapshot.reason,
        "files": snapshot.files,
        "left_out": list(snapshot.left_out),
    }


def keep_before(store: Store, workspace: Workspace | Directory, session: Session, path: Path, way_out: str) -> None:
    """Take a snapshot before a session is removed, or refuse.

    :param way_out: the command that does without.
    :raises SnapshotError: it could not be taken.
    """
    try:
        keep(store, workspace, session, path, "before rm")
    except PluginError as error:
        raise SnapshotError(
            f"{session.short_id}: no snapshot of its work could be taken, so nothing was removed: {error}. "
            f"Mend that, or lose the work: {way_out}"
        ) from error


def snapshot(host: Host, store: Store, text: str, reason: str) -> tuple[Session, Snapshot | None]:
    """Take a snapshot of a session's workspace, whether or not its agent runs.

    No lock is taken: a snapshot changes nothing, and must not make anybody wait.

    :param text: id, name or id prefix of the session.
    :returns: the session, and None in place of the snapshot when nothing is new.
    :raises SnapshotError: there is nothing that could be kept: no workspace, or a plugin that keeps none.
    :raises PluginError: it could not be kept.
    """
    session = store.find(text)
    workspace = _keeping(host, session)
    paths = workspace.paths_of(session)
    if not paths:
        raise SnapshotError(f"{session.short_id} has no workspace yet, so there is nothing to keep")
    return session, keep(store, workspace, session, paths[0], reason)


def snapshots(host: Host, store: Store, text: str) -> tuple[Session, list[Snapshot]]:
    """Return a session's snapshots, newest first; also those of a session that was removed.

    :raises SnapshotError: the plugin of its workspace keeps none.
    """
    session = _find(store, text)
    return session, _keeping(host, session).snapshots(session)


def put_back(host: Host, store: Store, text: str, number: int | None) -> PutBack:
    """Put a snapshot back into a session's workspace, after keeping what is there.

    :param number: which; None for the newest.
    :raises SessionAliveError: the agent runs.
    :raises LivenessUnknownError: it is unknown whether it runs.
    :raises WorkspaceMissingError: there is no usable workspace.
    :raises SnapshotError: there is no such snapshot, or what is there could not be kept.
    """
    session = _find(store, text)
    workspace = _keeping(host, session)
    chosen = _choose(session, workspace.snapshots(session), number)
    try:
        session = store.get(session.id)
    except SessionNotFoundError as error:
        raise SnapshotError(
            f"{session.short_id} was removed, and has no workspace; take its work from commit {chosen.commit}: "
            f"git -C {session.repository} branch NAME {chosen.commit}"
        ) from error
    with store.lock(session.id, "snapshots restore"):
        session = store.get(session.id)
        _require_dead(host, session)
        path = session.workspace_path
        if path is None or not workspace.exists(path):
            raise WorkspaceMissingError(
                f"{session.short_id}: workspace missing: {path or 'it was never made'}. "
                f"Bring it back: rouser restore {session.short_id}"
            )
        try:
            before = keep(store, workspace, session, path, f"before snapshot {chosen.number} was put back")
        except PluginError as error:
            raise SnapshotError(
                f"{session.short_id}: what is in its workspace now could not be kept, so nothing was changed: {error}"
            ) from error
        left = workspace.restore_snapshot(session, path, chosen.number, overwrite=True)
        store.note(session, "snapshot_restored", {"number": chosen.number, "left": left})
    return PutBack(session=session, snapshot=chosen, before=before, left=tuple(left))


def is_gone(path: Path | None) -> bool:
    """Return whether nothing is left of a workspace that was there once: no directory, or an empty one."""
    if path is None:
        return False
    try:
        return not os.path.lexists(path) or (path.is_dir() and not path.is_symlink() and not any(path.iterdir()))
    except OSError:
        return False


def newest_of(workspace: Workspace | Directory, session: Session) -> Snapshot | None:
    """Return a session's newest snapshot; None when there is none, or its plugin keeps none."""
    if isinstance(workspace, Directory):
        return None
    return next(iter(workspace.snapshots(session)), None)


def was_interrupted(store: Store, session: Session) -> bool:
    """Return whether a restore was killed between recreating a workspace and putting its snapshot back."""
    return store.last_of_workspace(session.id) == LOST


def note_loss(store: Store, workspace: Workspace | Directory, session: Session, *, wanted: bool) -> None:
    """Note that a workspace is lost, and which snapshot is the newest now: whoever is killed later may leave others.

    :param wanted: whether a snapshot is to be put back at all.
    :raises PluginError: the snapshots cannot be listed.
    """
    newest = newest_of(workspace, session) if wanted else None
    detail = {} if newest is None else {"snapshot": newest.number}
    store.note(session, LOST, {"path": str(session.workspace_path), **detail})


def give_back(
    store: Store, workspace: Workspace | Directory, session: Session, path: Path, *, wanted: bool
) -> tuple[Snapshot | None, list[str]]:
    """Put the work into a workspace that was recreated, and note that it is complete.

    That is the newest snapshot, and under it those that earlier restores were killed before: a snapshot that was taken
    of a workspace without its work is the newest one, but must not stand for that work.

    :param wanted: whether it is to be put back at all.
    :returns: the snapshot with the work that was lost, and the names of the files that are newer and were left as they
        are.
    :raises PluginError: it could not be put back; the next restore tries again.
    """
    lost: Snapshot | None = None
    left: set[str] = set()
    if wanted and isinstance(workspace, Workspace):
        for lost in _awaited(store, workspace, session):
            left.update(workspace.restore_snapshot(session, path, lost.number, overwrite=False))
    detail = {} if lost is None else {"snapshot": lost.number, "left": sorted(left)}
    store.note(session, RECREATED, detail)
    return lost, sorted(left)


def _awaited(store: Store, workspace: Workspace, session: Session) -> list[Snapshot]:
    """Return the newest snapshot, and those that were the newest when the workspace was lost, newest first."""
    there = workspace.snapshots(session)
    numbers: set[object] = {one.number for one in there[:1]}
    for entry in reversed(store.history(session.id)):
        if entry.event == RECREATED:
            break
        if entry.event == LOST:
            numbers.add(entry.detail.get("snapshot"))
    return [one for one in there if one.number in numbers]


def drop(host: Host, store: Store, text: str, numbers: Sequence[int], keep_newest: int | None) -> list[int]:
    """Forget snapshots of a session, for good; return the numbers of those that were forgotten.

    :param numbers: which.
    :param keep_newest: all but that many newest ones. None: only those of ``numbers``.
    :raises SnapshotError: one of ``numbers`` is none; nothing was dropped.
    """
    session = _find(store, text)
    workspace = _keeping(host, session)
    there = [one.number for one in workspace.snapshots(session)]
    for number in numbers:
        if number not in there:
            raise SnapshotError(_no_such(session, number, there))
    doomed = set(numbers) | set(there[keep_newest:] if keep_newest is not None else ())
    for number in sorted(doomed):
        workspace.drop_snapshot(session, number)
        store.note(session, "snapshot_dropped", {"number": number})
    return sorted(doomed)


def spoken(snapshot: Snapshot) -> str:
    """Return how people name a snapshot: ``snapshot 3 of 12:04``, with the date if that was not within a day."""
    at = snapshot.at.astimezone()
    recent = abs(now() - snapshot.at) < timedelta(days=1)
    return (
        f"snapshot {snapshot.number} of {at:%H:%M}" if recent else f"snapshot {snapshot.number} of {at:%Y-%m-%d %H:%M}"
    )


def _find(store: Store, text: str) -> Session:
    try:
        return store.find(text)
    except SessionNotFoundError:
        return store.find_removed(text)


def _keeping(host: Host, session: Session) -> Workspace:
    workspace = workspace_of(host, session)
    if isinstance(workspace, Directory):
        raise SnapshotError(f"{session.short_id} works in place, and rouser keeps no snapshots of a directory of yours")
    if not workspace.keeps_snapshots:
        raise SnapshotError(f"{session.short_id}: the workspace plugin {workspace.name} keeps no snapshots")
    return workspace


def _choose(session: Session, there: Sequence[Snapshot], number: int | None) -> Snapshot:
    for one in there:
        if number is None or one.number == number:
            return one
    if number is None:
        raise SnapshotError(f"{session.short_id} has no snapshots")
    raise SnapshotError(_no_such(session, number, [one.number for one in there]))


def _no_such(session: Session, number: int, there: Sequence[int]) -> str:
    return f"{session.short_id} has no snapshot {number}; there are: {', '.join(map(str, there)) or 'none'}"


def _require_dead(host: Host, session: Session) -> None:
    host.require(session.runtime, "runtime")
    liveness = probe(Runtime(host, session.runtime), session)
    if liveness.alive:
        raise SessionAliveError(
            f"{session.short_id} is still running, and its files must not change under it. "
            f"End it first: rouser kill {session.short_id}"
        )
    if liveness.alive is None:
        raise LivenessUnknownError(
            f"{session.short_id}: it is unknown whether the agent still runs ({liveness.reason}). Nothing was changed."
        )
