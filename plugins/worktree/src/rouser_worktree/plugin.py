"""The git worktree plugin of rouser: which hook is answered by what."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rouser import (
    Diagnosis,
    DiscoveredWorkspace,
    HookError,
    PluginSpec,
    Session,
    Snapshot,
    WorkspaceSpec,
    hookimpl,
)
from rouser_worktree.base import configured_base, default_base
from rouser_worktree.links import is_linked, read_link
from rouser_worktree.marks import is_made


class WorktreeWorkspace(WorkspaceSpec, PluginSpec):
    """Gives each session a git worktree of its own.

    What needs git is imported by the hooks that need it: GitPython takes longer to import than most hooks to run.
    """

    def __init__(self) -> None:
        self._configured: Path | None = None
        self._settings: Mapping[str, Any] = {}

    @property
    def base(self) -> Path:
        """The directory that has all worktrees."""
        return self._configured or default_base()

    @hookimpl
    def plugin_configure(self, settings: Mapping[str, Any]) -> None:
        """Take ``base``, an absolute path or one that begins with ``~``, and what snapshots leave out."""
        self._configured = configured_base(settings)
        if settings.keys() - {"base"}:
            from rouser import snapshot_policy  # its import is not for those who have set nothing of it

            snapshot_policy(settings)
        self._settings = settings

    @hookimpl
    def plugin_scratch_settings(self, directory: Path) -> Mapping[str, Any]:
        """Keep the worktrees below ``directory``."""
        return {"base": str(directory / "worktrees")}

    @hookimpl
    def plugin_diagnose(self) -> Sequence[Diagnosis]:
        """Look at git, the base directory, and the worktrees that are gone or broken."""
        from rouser_worktree.diagnosis import diagnose

        with _disk_errors():
            return list(diagnose(self.base))

    @hookimpl
    def workspace_create(self, session: Session, repository: Path, branch: str, base: str | None) -> Path:
        """Make the worktree, or return the one that an earlier call made for the session."""
        from rouser_worktree.creation import create

        with _disk_errors():
            return create(self.base, session, repository, branch, base)

    @hookimpl
    def workspace_exists(self, path: Path) -> bool:
        """Return whether the worktree and its repository refer to each other, and nobody was killed in between."""
        return is_linked(path) and is_made(path)

    @hookimpl
    def workspace_restore(self, session: Session, path: Path) -> Path:
        """Recreate the worktree from the session's branch, with the work in it that is still there."""
        from rouser_worktree.restoration import restore

        with _disk_errors():
            return restore(session, path)

    @hookimpl
    def workspace_destroy(self, path: Path, force: bool) -> None:
        """Remove the worktree; the branch stays if it has commits of its own, also by force."""
        from rouser_worktree.removal import destroy

        with _disk_errors():
            destroy(self.base, path, force=force)

    @hookimpl
    def workspace_has_branch(self, repository: Path, branch: str) -> bool:
        """Ask git, from any directory in the repository."""
        from rouser_worktree.repository import has_branch

        with _disk_errors():
            return has_branch(repository, branch)

    @hookimpl
    def workspace_describe(self, path: Path) -> str:
        """Return like ``2 files changed, not committed``, or ``clean``."""
        from rouser_worktree.records import read_record
        from rouser_worktree.whereabouts import follow
        from rouser_worktree.work import look

        with suppress(OSError, HookError):
            follow(path)
        link = read_link(path)
        if link is None:
            raise HookError(f"{path} is no usable worktree; bring it back: rouser restore")
        record = read_record(path)
        return str(look(path, link, record.start if record else None))

    @hookimpl
    def workspace_discover(self) -> Sequence[DiscoveredWorkspace]:
        """Return the recorded worktrees whose directory is there, usable or not, and those that are half made."""
        from rouser_worktree.locks import sweep
        from rouser_worktree.records import read_record, recorded_paths

        with _disk_errors():
            for home in self.base.glob("*/"):
                sweep(home)
            records = ((path, read_record(path)) for path in recorded_paths(self.base))
            return [
                DiscoveredWorkspace(path=path, session_id=record.session)
                for path, record in records
                if record and (os.path.lexists(path) or not record.ready)
            ]

    @hookimpl
    def workspace_snapshot(self, session: Session, path: Path, reason: str) -> Snapshot | None:
        """Keep what is not committed under ``refs/rouser`` of the repository."""
        from rouser import snapshot_policy
        from rouser_worktree.snapshots import take
        from rouser_worktree.whereabouts import follow

        with suppress(OSError, HookError):  # what cannot be written down is left to the next time
            follow(path)
        with _disk_errors():
            return take(session, path, reason, snapshot_policy(self._settings))

    @hookimpl
    def workspace_snapshots(self, session: Session) -> Sequence[Snapshot]:
        """List those references, newest first."""
        from rouser_worktree.snapshots import listed

        with _disk_errors():
            return listed(session)

    @hookimpl
    def workspace_restore_snapshot(self, session: Session, path: Path, number: int, overwrite: bool) -> Sequence[str]:
        """Write the snapshot's files into the worktree, as they were."""
        from rouser import snapshot_policy
        from rouser_worktree.snapshots import put_back

        with _disk_errors():
            return put_back(session, path, number, snapshot_policy(self._settings), overwrite=overwrite)

    @hookimpl
    def workspace_drop_snapshot(self, session: Session, number: int) -> None:
        """Delete the reference; git removes in its own time what nothing else holds."""
        from rouser_worktree.snapshots import snapshots_of

        with _disk_errors():
            snapshots_of(session).drop(number)


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HookError(f"{error.filename or 'the disk'}: {error.strerror or error}") from error
