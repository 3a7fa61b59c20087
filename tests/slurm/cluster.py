"""A private Slurm cluster of two nodes on this machine: own keys, ports and files, no systemd, ended by pid."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "sinfo", "srun")
NODES = ("n1", "n2")
ATTEMPTS = 3

CONFIGURATION = """\
ClusterName=rouser
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={root}/munge/socket
CryptoType=crypto/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,sched_min_interval=0,defer_batch=0,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
SlurmctldTimeout=30
SlurmdTimeout={down_after}
BatchStartTimeout=5
MessageTimeout=10
InactiveLimit=0
KillWait=5
MinJobAge={remembered}
OverTimeLimit=0
JobRequeue=1
ReturnToService=2
PropagateResourceLimits=NONE
StateSaveLocation={root}/state
SlurmctldPidFile={root}/slurmctld.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdPidFile={root}/slurmd-%n.pid
SlurmdLogFile={root}/slurmd-%n.log
SlurmdSpoolDir={root}/spool-%n
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={n1_port} CPUs=200 RealMemory=64000
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={n2_port} CPUs=200 RealMemory=64000
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE DefaultTime=INFINITE PriorityTier=1 LLN=YES
PartitionName=urgent Nodes=n1,n2 MaxTime=INFINITE PriorityTier=9
"""


def missing_programs() -> list[str]:
    """Return what is not installed of what a cluster needs."""
    return [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]


def _path() -> str:
    return os.pathsep.join((os.environ["PATH"], "/usr/local/sbin", "/usr/sbin", "/sbin"))


class NoClusterError(Exception):
    """No cluster comes up on this machine."""


class Cluster:
    """The daemons of a cluster below one directory.

    :param down_after: seconds of silence after which a node is declared down.
    :param remembered: seconds for which the controller shows jobs that have ended.
    """

    def __init__(self, *, down_after: int = 20, remembered: int = 300) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="rs-", dir="/tmp")).resolve()
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        self._settings = {"down_after": down_after, "remembered": remembered}

    @property
    def configuration(self) -> Path:
        return self.root / "slurm.conf"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PATH": _path(), "SLURM_CONF": str(self.configuration)}

    def start(self) -> None:
        """Start all daemons and return when both nodes take jobs.

        A port that was free may be taken when its daemon comes to it, so that a cluster that does not come up is
        tried again with others.

        :raises NoClusterError: none comes up on this machine.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._bring_up()
            except AssertionError as error:
                self._end_daemons()
                if attempt == ATTEMPTS:
                    raise NoClusterError(str(error)) from error
                shutil.rmtree(self.root)
                self.root.mkdir(mode=0o700)
            else:
                return

    def _bring_up(self) -> None:
        munge = self.root / "munge"
        munge.mkdir(mode=0o700)
        (self.root / "state").mkdir()
        key = munge / "key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        ports = free_ports(3)
        self.configuration.write_text(
            CONFIGURATION.format(
                host=socket.gethostname().partition(".")[0],
                user=Path("/proc/self").owner(),
                root=self.root,
                controller_port=ports[0],
                n1_port=ports[1],
                n2_port=ports[2],
                **self._settings,
            )
        )
        files = [f"--{name}={munge / name}" for name in ("socket", "pid-file", "log-file", "seed-file")]
        self._start("munged", "--foreground", "--force", "--num-threads=4", f"--key-file={key}", *files)
        wait_for((munge / "socket").exists, "munged listens", self.describe)
        self.start_controller()
        for node in NODES:
            self.start_node(node)
        wait_for(self._all_idle, "both nodes are idle", self.describe, seconds=60)

    def _all_idle(self) -> bool:
        ended = [name for name, daemon in self._daemons.items() if daemon.poll() is not None]
        assert not ended, f"{', '.join(ended)} ended at once\n{self.describe()}"
        return self.states() == dict.fromkeys(NODES, "idle")

    def stop(self) -> None:
        """End what the jobs left, all daemons, and remove the files."""
        try:
            with suppress(subprocess.SubprocessError):
                self.run("scancel", "--quiet", "--me")
                wait_for(lambda: not self.run("squeue", "-h"), "the queue is empty", self.describe, seconds=60)
        finally:
            self._end_daemons()
            shutil.rmtree(self.root, ignore_errors=True)

    def _end_daemons(self) -> None:
        for name in reversed(list(self._daemons)):
            self.kill(name)

    def start_controller(self) -> None:
        self._start("slurmctld", "-D", "-f", str(self.configuration))

    def start_node(self, node: str) -> None:
        (self.root / f"spool-{node}").mkdir(exist_ok=True)
        self._start(node, "-D", "-f", str(self.configuration), "-N", node, program="slurmd")

    def kill(self, name: str) -> None:
        """Kill a daemon: ``slurmctld``, or a node's."""
        process = self._daemons.pop(name)
        process.kill()
        process.send_signal(signal.SIGCONT)
        process.wait(10)

    def stop_node(self, node: str) -> None:
        """Suspend a node's daemon, as if the node could not be reached; what its jobs run goes on."""
        self._daemons[node].send_signal(signal.SIGSTOP)

    def continue_node(self, node: str) -> None:
        self._daemons[node].send_signal(signal.SIGCONT)

    def run(self, *command: str, timeout: float = 30) -> str:
        """Run a program of Slurm's and return what it printed; asked without the code under test."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=timeout, check=False
        )
        if done.returncode:
            raise subprocess.SubprocessError(f"{command}: {done.stderr.strip()}")
        return done.stdout.strip()

    def states(self) -> dict[str, str]:
        """Return the state of each node; empty while the controller does not answer."""
        with suppress(subprocess.SubprocessError):
            return dict(line.split() for line in self.run("sinfo", "-hN", "-pmain", "-o", "%N %t").splitlines())
        return {}

    def jobs(self, states: str = "all") -> dict[str, str]:
        """Return the state of each job."""
        listed = self.run("squeue", "-h", "-t", states, "-o", "%A %T").splitlines()
        return dict(line.split() for line in listed)

    def processes_of(self, job: str) -> list[int]:
        """Return the daemons that hold a job on its node, and everything below them."""
        table = {int(pid): int(parent) for pid, parent in (line.split() for line in _ps("pid=,ppid="))}
        held = f"slurmstepd: [{job}."
        ours = set(pids_of(str(self.root)))  # another cluster on this machine may have a job of the same number
        found: set[int] = set()
        for daemon in (int(line.split()[0]) for line in _ps("pid=,args=") if held in line):
            tree = {daemon}
            while more := {pid for pid, parent in table.items() if parent in tree} - tree:
                tree |= more
            if tree & ours:
                found |= tree
        return sorted(found)

    def describe(self) -> str:
        """Return the states of the nodes, and the ends of the logs."""
        logs = sorted(path for pattern in ("*.log", "*.out") for path in self.root.glob(pattern))
        ends = (f"== {path.name}\n{path.read_text(errors='replace')[-1500:]}" for path in logs if path.stat().st_size)
        return "\n".join((f"nodes: {self.states()}", *ends))

    def _start(self, name: str, *arguments: str, program: str | None = None) -> None:
        with (self.root / f"{name}.out").open("ab") as output:
            self._daemons[name] = subprocess.Popen(
                [program or name, *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )


def _ps(columns: str) -> list[str]:
    done = subprocess.run(["ps", "-A", "-o", columns], capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.splitlines()


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens at now, and that no outgoing connection gets by chance."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as candidate, suppress(OSError):
            candidate.bind(("127.0.0.1", port))
            found += [port] if port not in found else []
    return found


def wait_for(
    condition: Callable[[], object], what: str, explain: Callable[[], str] = lambda: "", seconds: float = 30
) -> None:
    """Wait until ``condition`` is true; fail, and explain, when it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"never came true within {seconds:g} s: {what}\n{explain()}"
        time.sleep(0.05)


def settings_of(cluster: Cluster, directory: Path) -> Mapping[str, object]:
    """Return the runtime's settings for jobs on ``cluster``, with its files in ``directory``."""
    return {"conf": str(cluster.configuration), "directory": str(directory), "lease_seconds": 3}


def pids_of(*texts: str) -> list[int]:
    """Return the processes whose command line or environment holds all of ``texts``."""
    found = []
    for entry in Path("/proc").iterdir():
        if not re.fullmatch(r"\d+", entry.name) or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):
            known = (entry / "cmdline").read_bytes() + b"\0" + (entry / "environ").read_bytes()
            if all(text.encode() in known for text in texts):
                found.append(int(entry.name))
    return found
