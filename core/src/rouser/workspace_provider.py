"""A workspace plugin's hooks, typed, and the directory that stands for one; see :mod:`rouser.provider`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from rouser.models import DiscoveredWorkspace, Session, Snapshot
from rouser.provider import Provider


class Workspace(Provider):
    """A workspace plugin."""

    kind = "workspace"

    def create(self, session: Session, repository: Path, branch: str, base: str | None) -> Path:
        """Make the session's workspace and return its absolute path."""
        path = self._typed(Path, "workspace_create", session=session, repository=repository, branch=branch, base=base)
        return self._absolute("workspace_create", path)

    def exists(self, path: Path) -> bool:
        """Return whether ``path`` is a usable workspace."""
        return self._typed(bool, "workspace_exists", path=path)

    @property
    def restores(self) -> bool:
        """Whether the plugin can recreate a workspace that is gone."""
        return self._has("workspace_restore")

    def restore(self, session: Session, path: Path) -> Path:
        """Recreate a workspace from the session's branch."""
        return self._absolute("workspace_restore", self._typed(Path, "workspace_restore", session=session, path=path))

    def destroy(self, path: Path, *, force: bool) -> None:
        """Remove the workspace; without ``force`` only if no work is lost."""
        self._call("workspace_destroy", path=path, force=force)

    def has_branch(self, repository: Path, branch: str) -> bool:
        """Return whether the repository has the branch already; False when the plugin cannot tell."""
        if not self._has("workspace_has_branch"):
            return False
        return self._typed(bool, "workspace_has_branch", repository=repository, branch=branch)

    def describe(self, path: Path) -> str:
        """Return one line on the work in the workspace; empty when the plugin has nothing to say."""
        return self._typed(str, "workspace_describe", path=path) if self._has("workspace_describe") else ""

    def discover(self) -> list[DiscoveredWorkspace]:
        """Return the workspaces that the plugin made and that still exist."""
        return self._entries(DiscoveredWorkspace, "workspace_discover") if self._has("workspace_discover") else []

    @property
    def keeps_snapshots(self) -> bool:
        """Whether the plugin can keep work that is not committed."""
        return self._has("workspace_snapshot")

    def snapshot(self, session: Session, path: Path, reason: str) -> Snapshot | None:
        """Keep the work in a workspace; None when there is nothing to keep that is not kept already."""
        found = self._optional(Snapshot, "workspace_snapshot", session=session, path=path, reason=reason)
        return None if found is None else self._sound("workspace_snapshot", found)

    def snapshots(self, session: Session) -> list[Snapshot]:
        """Return the session's snapshots, newest first; none when the plugin keeps none."""
        if not self._has("workspace_snapshots"):
            return []
        found = self._entries(Snapshot, "workspace_snapshots", session=session)
        return sorted(
            (self._sound("workspace_snapshots", one) for one in found), key=lambda one: one.number, reverse=True
        )

    def restore_snapshot(self, session: Session, path: Path, number: int, *, overwrite: bool) -> list[str]:
        """Put the work of a snapshot back; return the names of the files that were left as they are."""
        return self._entries(
            str, "workspace_restore_snapshot", session=session, path=path, number=number, overwrite=overwrite
        )

    def drop_snapshot(self, session: Session, number: int) -> None:
        """Forget a snapshot, for good."""
        self._call("workspace_drop_snapshot", session=session, number=number)

    def _sound(self, hook: str, snapshot: Snapshot) -> Snapshot:
        if snapshot.number < 1 or snapshot.at.tzinfo is None:
            raise self._wrong(hook, snapshot, "a number from 1 and a time with its zone")
        return snapshot

    def paths_of(self, session: Session) -> list[Path]:
        """Return where the session's workspace is: as recorded, else as found after an interrupted spawn."""
        if session.workspace_path is not None:
            return [session.workspace_path]
        return [found.path for found in self.discover() if found.session_id == session.id]

    def _absolute(self, hook: str, path: Path) -> Path:
        if not path.is_absolute():
            raise self._wrong(hook, path, "absolute path")
        return path


class Directory:
    """Stands for a workspace plugin where a session works in place: the directory is never changed or removed."""

    name: Final = "in place"
    restores: Final = False
    keeps_snapshots: Final = False

    def create(self, session: Session, repository: Path, branch: str, base: str | None) -> Path:
        """Return the repository itself: there is nothing to make."""
        del session, branch, base
        return repository

    def exists(self, path: Path) -> bool:
        """Return whether ``path`` is a directory that an agent can run in."""
        try:
            return path.is_dir() and os.access(path, os.R_OK | os.X_OK)
        except OSError:
            return False

    def restore(self, session: Session, path: Path) -> Path:
        """Refuse: it is not ours to bring back."""
        del session
        raise AssertionError(f"nobody restores {path}: see restores")

    def destroy(self, path: Path, *, force: bool) -> None:
        """Leave the directory alone, forced or not."""

    def has_branch(self, repository: Path, branch: str) -> bool:
        """Return False: no branch is made."""
        del repository, branch
        return False

    def describe(self, path: Path) -> str:
        """Return nothing: what is in the directory need not be the session's work."""
        del path
        return ""

    def paths_of(self, session: Session) -> list[Path]:
        """Return nothing: no path is the session's own."""
        del session
        return []
