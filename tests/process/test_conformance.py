"""The process runtime keeps to the contract of runtimes."""

import pytest

from rouser_process.plugin import ProcessRuntime

testing = pytest.importorskip("rouser.testing")


class TestProcess(testing.RuntimeConformance):
    programs = ()

    @pytest.fixture
    def plugin(self):
        return ProcessRuntime
