"""A cluster for all tests of a process; those that need one run only under ``make test-slurm``."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from slurm.cluster import Cluster, missing_programs

from rouser.testing import verdict

ON_A_CLUSTER = ("test_conformance.py", "test_on_a_cluster.py")
collect_ignore = [] if os.environ.get("ROUSER_TEST_SLURM") else list(ON_A_CLUSTER)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    missing = missing_programs()
    assert not missing, f"{', '.join(missing)} not installed; run: make test-slurm"
    made = Cluster()
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give jobs the time that they take where many tests run at once."""
    monkeypatch.setattr(verdict, "patience", 30.0)
