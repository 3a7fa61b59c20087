"""Fixtures of the tests with real clients, which run only where ``make test-agents`` has put one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from agents.lab import CLIENT, Lab, new_lab

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(300))
            if not CLIENT and item.path.parent == HERE:  # the other clients have a directory of their own
                item.add_marker(pytest.mark.skip(reason="needs the real client: make test-agents"))


@pytest.fixture
def lab() -> Iterator[Lab]:
    with new_lab() as made:
        yield made
