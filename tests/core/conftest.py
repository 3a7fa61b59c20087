"""What every test of the host starts from: no configuration and no state but its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.stage import Stage

from rouser.store import Store


@pytest.fixture(autouse=True)
def _nothing_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("ROUSER_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ROUSER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ROUSER_CONFIG", str(tmp_path / "config.toml"))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.close()


@pytest.fixture
def hasty_stage(tmp_path: Path) -> Iterator[Stage]:
    """Provide a stage whose hooks have half a second."""
    made = Stage(tmp_path, seconds=0.5)
    yield made
    made.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "home") as opened:
        yield opened
