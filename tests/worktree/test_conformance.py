"""The git worktrees keep to the contract of workspaces."""

import pytest

from rouser.testing import WorkspaceConformance
from rouser_worktree.plugin import WorktreeWorkspace


class TestWorktree(WorkspaceConformance):
    programs = ("git",)

    @pytest.fixture
    def plugin(self):
        return WorktreeWorkspace
