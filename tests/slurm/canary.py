"""Whether a Slurm cluster can run on this machine: ``python -m slurm.canary`` in ``tests`` starts one and says so."""

from __future__ import annotations

import subprocess
import sys
import time

from slurm.cluster import NODES, Cluster, NoClusterError, missing_programs


def main() -> int:
    """Try whether a cluster works here, and say so in one line; what its daemons said comes after that."""
    missing = missing_programs()
    if missing:
        sys.stdout.write(f"no Slurm cluster can run here: {', '.join(missing)} not installed\n")
        return 1
    made, begun = Cluster(), time.monotonic()
    try:
        made.start()
        hosts = made.run("srun", "-N2", "-n2", "sh", "-c", "echo $SLURMD_NODENAME", timeout=60).split()
        assert sorted(hosts) == list(NODES), f"a job on both nodes ran on {hosts}"
    except (NoClusterError, AssertionError, OSError, subprocess.SubprocessError) as error:
        sys.stdout.write(f"no Slurm cluster can run here: {error}\n")
        return 1
    finally:
        made.stop()
    sys.stdout.write(
        f"a Slurm cluster of two nodes runs here, started and stopped in {time.monotonic() - begun:.1f} s\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
