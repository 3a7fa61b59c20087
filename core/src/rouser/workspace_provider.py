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
        path: Path = self._call("workspace_create", session=session, repository=repository, branch=branch, base=base)
        return path

    def exists(self, path: Path) -> bool:
        """Return whether ``path`` is a usable workspace."""
        there: bool = self._call("workspace_exists", path=path)
        return there

    @property
    def restores(self) -> bool:
        """Whether the plugin can recreate a workspace that is gone."""
        return self._has("workspace_restore")

    def restore(self, session: Session, path: Path) -> Path:
        """Recreate a workspace from the session's branch."""
        restored: Path = self._call("workspace_restore", session=session, path=path)
        return restored

    def destroy(self, path: Path, *, force: bool) -> None:
        """Remove the workspace; without ``force`` only if no work is lost."""
        self._call("workspace_destroy", path=path, force=force)

    def has_branch(self, repository: Path, branch: str) -> bool:
        """Return whether the repository has the branch already; False when the plugin cannot tell."""
        return bool(self._optional("workspace_has_branch", repository=repository, branch=branch))

    def describe(self, path: Path) -> str:
        """Return one line on the work in the workspace; empty when the plugin has nothing to say."""
        return self._optional("workspace_describe", path=path) or ""

    def discover(self) -> list[DiscoveredWorkspace]:
        """Return the workspaces that the plugin made and that still exist."""
        return self._optional("workspace_discover") or []

    @property
    def keeps_snapshots(self) -> bool:
        """Whether the plugin can keep work that is not committed."""
        return self._has("workspace_snapshot")

    def snapshot(self, session: Session, path: Path, reason: str) -> Snapshot | None:
        """Keep the work in a workspace; None when there is nothing to keep that is not kept already."""
        found: Snapshot | None = self._optional("workspace_snapshot", session=session, path=path, reason=reason)
        return None if found is None else self._sound("workspace_snapshot", found)

    def snapshots(self, session: Session) -> list[Snapshot]:
        """Return the session's snapshots, newest first; none when the plugin keeps none."""
        found: list[Snapshot] = self._optional("workspace_snapshots", session=session) or []
        return sorted(
            (self._sound("workspace_snapshots", one) for one in found), key=lambda one: one.number, reverse=True
        )

    def restore_snapshot(self, session: Session, path: Path, number: int, *, overwrite: bool) -> list[str]:
        """Put the work of a snapshot back; return the names of the files that were left as they are."""
        names: list[str] = self._call(
            "workspace_restore_snapshot", session=session, path=path, number=number, overwrite=overwrite
        )
        return names

    def drop_snapshot(self, session: Session, number: int) -> None:
        """Forget a snapshot, for good."""
        self._call("workspace_drop_snapshot", session=session, number=number)

    def _sound(self, hook: str, snapshot: Snapshot) -> Snapshot:
        if snapshot.number < 1:
            raise self._wrong(hook, snapshot, "a number from 1")
        return snapshot

    def paths_of(self, session: Session) -> list[Path]:
        """Return where the session's workspace is: as recorded, else as found after an interrupted spawn."""
        if session.workspace_path is not None:
            return [session.workspace_path]
        return [found.path for found in self.discover() if found.session_id == session.id]


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
