"""Sessions for the tests of the command plugin."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.sessions import spawned_session

from rouser import Session

MakeSession = Callable[..., Session]
ID = "5b1e7a34-5a0c-4c52-9f0e-0d6f0a6f3c11"


@pytest.fixture
def make_session(tmp_path: Path) -> MakeSession:
    """Return a function that makes a session from its agent_config and any other fields."""

    def make(agent_config: dict[str, Any], **fields: Any) -> Session:
        plain = {
            "id": ID,
            "agent": "command",
            "repository": tmp_path,
            "branch": "rouser/x",
            "task": "fix the flaky test",
        }
        return spawned_session(**(plain | {"agent_config": agent_config} | fields))

    return make
