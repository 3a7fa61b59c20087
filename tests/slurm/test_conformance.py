"""The Slurm runtime keeps to the contract of runtimes, on a real cluster."""

import pytest
from slurm.cluster import settings_of

from rouser.testing import RuntimeConformance
from rouser_slurm.plugin import SlurmRuntime


class TestSlurm(RuntimeConformance):
    programs = ("sbatch", "squeue", "scancel", "srun")
    missing = {"runtime_adopt": "a job can only be made, not found around a process"}

    @pytest.fixture
    def plugin(self):
        return SlurmRuntime

    @pytest.fixture
    def settings(self, cluster, scratch):
        return settings_of(cluster, scratch)
