"""Fixtures of the end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.world import World, new_world


@pytest.fixture
def world() -> Iterator[World]:
    made = new_world()
    try:
        yield made
    finally:
        made.end()
