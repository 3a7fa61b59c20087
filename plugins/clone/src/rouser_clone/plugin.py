"""The clone plugin of rouser: which hook is answered by what."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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
    snapshot_policy,
)
from rouser_clone.places import configured_base, read_record, recorded


class CloneWorkspace(WorkspaceSpec, PluginSpec):
    """Gives each session a full clone of its own; what needs git is imported by the hooks that need it."""

    def __init__(self) -> None:
        self._settings: Mapping[str, Any] = {}

    @property
    def base(self) -> Path:
        """The directory that has all clones."""
        return configured_base(self._settings)

    @hookimpl
    def plugin_configure(self, settings: Mapping[str, Any]) -> None:
        """Take ``base``, an absolute path or one that begins with ``~``, and what snapshots leave out."""
        configured_base(settings)
        snapshot_policy(settings)
        self._settings = settings

    @hookimpl
    def plugin_scratch_settings(self, directory: Path) -> Mapping[str, Any]:
        """Keep the clones below ``directory``."""
        return {"base": str(directory / "clones")}

    @hookimpl
    def plugin_available(self) -> str | None:
        """Return that there is no git, if there is none."""
        import shutil

        return None if shutil.which("git") else "git is not installed, or not on PATH"

    @hookimpl
    def plugin_diagnose(self) -> Sequence[Diagnosis]:
        """Look at git, and for clones that are gone."""
        from rouser_clone.diagnosis import diagnose

        with _disk_errors():
            return list(diagnose(self.base))

    @hookimpl
    def workspace_create(self, session: Session, repository: Path, branch: str, base: str | None) -> Path:
        """Make the clone, or return the one that an earlier call made for the session."""
        from rouser_clone.lifecycle import create

        with _disk_errors():
            return create(self.base, session, repository, branch, base)

    @hookimpl
    def workspace_exists(self, path: Path) -> bool:
        """Return whether there is a repository of its own at ``path``; reads files, starts no process."""
        from rouser_clone.lifecycle import is_clone

        with _disk_errors():
            return is_clone(path)

    @hookimpl
    def workspace_restore(self, session: Session, path: Path) -> Path:
        """Clone again, if the session's branch is in the source, was pushed, or is in a snapshot."""
        from rouser_clone.lifecycle import is_clone, restore
        from rouser_clone.snapshots import snapshots_of

        with _disk_errors():
            if is_clone(path):
                return path
            return restore(session, path, snapshots_of(session).lost_tip(session.branch))

    @hookimpl
    def workspace_destroy(self, path: Path, force: bool) -> None:
        """Remove the clone, unless that would lose work."""
        from rouser_clone.lifecycle import destroy

        with _disk_errors():
            destroy(self.base, path, force=force)

    @hookimpl
    def workspace_has_branch(self, repository: Path, branch: str) -> bool:
        """Return whether the repository has the branch, or one of its remotes, as a restore would take that."""
        from rouser_clone.source import check_branch_name, find_source

        with _disk_errors():
            source = find_source(repository)
            check_branch_name(repository, branch)
            return source.has(branch) or source.remote_with(branch) is not None

    @hookimpl
    def workspace_describe(self, path: Path) -> str:
        """Return like ``2 files changed, not committed``, or ``clean``."""
        from rouser_clone.lifecycle import is_clone
        from rouser_clone.source import Source
        from rouser_clone.work import describe

        record = read_record(path)
        if record is None or not is_clone(path):
            raise HookError(f"{path} is no usable clone; bring it back: rouser restore")
        return describe(path, Source(Path(record.source)))

    @hookimpl
    def workspace_discover(self) -> Sequence[DiscoveredWorkspace]:
        """Return the recorded clones whose directory is there, usable or not."""
        with _disk_errors():
            return [
                DiscoveredWorkspace(path=path, session_id=record.session)
                for path, record in recorded(self.base)
                if os.path.lexists(path)
            ]

    @hookimpl
    def workspace_snapshot(self, session: Session, path: Path, reason: str) -> Snapshot | None:
        """Keep what is not committed under ``refs/rouser`` of the repository that it was cloned from."""
        from rouser_clone.snapshots import take

        with _disk_errors():
            return take(session, path, reason, snapshot_policy(self._settings))

    @hookimpl
    def workspace_snapshots(self, session: Session) -> Sequence[Snapshot]:
        """List those references, newest first."""
        from rouser_clone.snapshots import listed

        with _disk_errors():
            return listed(session)

    @hookimpl
    def workspace_restore_snapshot(self, session: Session, path: Path, number: int, overwrite: bool) -> Sequence[str]:
        """Write the snapshot's files into the clone, as they were."""
        from rouser_clone.snapshots import put_back

        with _disk_errors():
            return put_back(session, path, number, snapshot_policy(self._settings), overwrite=overwrite)

    @hookimpl
    def workspace_drop_snapshot(self, session: Session, number: int) -> None:
        """Delete the reference; git removes in its own time what nothing else holds."""
        from rouser_clone.snapshots import snapshots_of

        with _disk_errors():
            snapshots_of(session).drop(number)


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HookError(f"{error.filename or 'the disk'}: {error.strerror or error}") from error
