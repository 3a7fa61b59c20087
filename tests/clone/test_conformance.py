"""The clones keep to the contract of workspaces."""

import pytest

from rouser_clone.plugin import CloneWorkspace

testing = pytest.importorskip("rouser.testing")


class TestClone(testing.WorkspaceConformance):
    programs = ("git",)

    @pytest.fixture
    def plugin(self):
        return CloneWorkspace
