"""The conformance tests of workspaces."""

from __future__ import annotations

from typing import ClassVar

from rouser.testing.workspace.creation import CreationTests
from rouser.testing.workspace.faults import FaultTests
from rouser.testing.workspace.foreign import ForeignTests
from rouser.testing.workspace.options import OptionTests
from rouser.testing.workspace.restoration import RestorationTests
from rouser.testing.workspace.snapshots import SnapshotTests
from rouser.testing.workspace.work import WorkTests


class WorkspaceConformance(
    CreationTests, WorkTests, ForeignTests, FaultTests, RestorationTests, SnapshotTests, OptionTests
):
    """The tests that a workspace has to pass; subclass it and add a fixture ``plugin``."""

    kind: ClassVar[str] = "workspace"
