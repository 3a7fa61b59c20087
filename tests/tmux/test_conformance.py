"""The tmux runtime keeps to the contract of runtimes."""

import pytest

from rouser.testing import RuntimeConformance
from rouser_tmux.plugin import TmuxRuntime


class TestTmux(RuntimeConformance):
    programs = ("tmux",)

    @pytest.fixture
    def plugin(self):
        return TmuxRuntime
