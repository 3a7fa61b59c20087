"""The step of a restore that looks at the session's workspace, and makes it again with its work if it is gone."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from rouser.errors import PluginError, WorkspaceMissingError
from rouser.keeping import give_back, is_gone, newest_of, note_loss, spoken, was_interrupted
from rouser.models import Session
from rouser.restoring import Restore

_NAMED: Final = 3  # files, before the rest is counted


def look_at_workspace(run: Restore) -> bool:
    """Return whether the workspace is usable.

    :raises WorkspaceMissingError: it is not, and its plugin cannot recreate workspaces.
    """
    session, path = run.recorded, run.recorded.workspace_path
    if path is None:
        run.evidence["workspace"] = "not made yet, to be made"
        return False
    if run.workspace.exists(path):
        run.evidence["workspace"] = "usable"
        return True
    if session.workspace is None:
        raise WorkspaceMissingError(
            f"{session.short_id}: workspace missing: the directory {path}, in which it works in place, is gone or "
            f"cannot be entered. Bring it back, or: rouser rm {session.short_id}"
        )
    if not run.workspace.restores:
        raise WorkspaceMissingError(
            f"{session.short_id}: workspace missing: {path} is gone or unusable, and {run.workspace.name} cannot "
            f"recreate workspaces. Bring it back, or: rouser rm {session.short_id}"
        )
    run.evidence["workspace"] = f"gone, to be recreated from {session.branch}"
    return False


def describe_workspace(run: Restore) -> None:
    """Add what work there is to the evidence, for those who read a plan."""
    if run.recorded.workspace_path is not None:
        with suppress(PluginError):
            words = run.workspace.describe(run.recorded.workspace_path)
            run.evidence["workspace"] = f"usable    {words}".strip()


def foresee_workspace(run: Restore) -> None:
    """Add what can be told of recreating the workspace to the evidence, for those who read a plan.

    Whether something is in its place, or has its branch, only its plugin finds out, when it recreates it.

    :raises WorkspaceMissingError: the snapshot that it is to come back with cannot be known.
    """
    session = run.recorded
    if session.workspace_path is None:
        return
    lost = run.workspace.keeps_snapshots and (is_gone(session.workspace_path) or was_interrupted(run.store, session))
    if lost and run.with_snapshot:
        try:
            found = newest_of(run.workspace, session)
        except PluginError as error:
            raise WorkspaceMissingError(f"{session.short_id}: workspace missing: {error}") from error
        if found is not None:
            run.evidence["workspace"] += f" with {spoken(found)}"
    with suppress(PluginError):  # where the session began may be gone, and its plugin know the repository otherwise
        tells = run.host.implements(run.workspace.name, "workspace_has_branch")
        if tells and not run.workspace.has_branch(session.repository, session.branch):
            run.evidence["workspace"] += f"; {session.repository} has no such branch"


def complete_workspace(run: Restore) -> Session:
    """Put the snapshot back that a restore was killed before; there is nothing else to do for a usable workspace."""
    session, path = run.recorded, run.recorded.workspace_path
    if path is not None and run.workspace.keeps_snapshots and was_interrupted(run.store, session):
        run.evidence["workspace"] += _with_snapshot(run, session, path)
    return session


def recreate_workspace(run: Restore) -> Session:
    """Make the workspace again and record where it is; the runtime has not been touched yet."""
    session = run.recorded
    lost = run.workspace.keeps_snapshots and (is_gone(session.workspace_path) or was_interrupted(run.store, session))
    try:
        if lost:
            note_loss(run.store, run.workspace, session, wanted=run.with_snapshot)
        if session.workspace_path is None:
            path = run.workspace.create(session, session.repository, session.branch, session.base)
        else:
            path = run.workspace.restore(session, session.workspace_path)
        usable = run.workspace.exists(path)
    except PluginError as error:
        raise WorkspaceMissingError(f"{session.short_id}: workspace missing: {error}") from error
    if not usable:
        raise WorkspaceMissingError(
            f"{session.short_id}: workspace missing: {run.workspace.name} recreated {path}, but says it is unusable"
        )
    run.evidence["workspace"] = f"recreated from {session.branch}"
    if lost:
        run.evidence["workspace"] += _with_snapshot(run, session, path)
    if path == session.workspace_path:
        return session
    return run.store.update(session._replace(workspace_path=path), "workspace_created", {"path": str(path)})


def _with_snapshot(run: Restore, session: Session, path: Path) -> str:
    """Put the latest snapshot back into a workspace that was just made, and return what to say of it."""
    try:
        snapshot, left = give_back(run.store, run.workspace, session, path, wanted=run.with_snapshot)
    except PluginError as error:
        raise WorkspaceMissingError(
            f"{session.short_id}: its workspace was recreated, but its latest snapshot could not be put back: {error}. "
            f"Try again, or go on without it: rouser restore {session.short_id} --no-snapshot"
        ) from error
    if snapshot is None:
        return ""
    if left:
        run.warnings.append(
            f"newer than {spoken(snapshot)} and left as they are: {', '.join(left[:_NAMED])}"
            f"{f' and {len(left) - _NAMED} more' if len(left) > _NAMED else ''}"
        )
    return f" with {spoken(snapshot)}"
