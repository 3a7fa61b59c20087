"""The job's own script, run as Slurm would run it: what it leaves on its machine, however it ends."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import suppress
from pathlib import Path

import pytest
from slurm.cluster import pids_of
from support.waiting import wait_for
from support.world import running

from rouser_slurm import launch, lease, settings, submission
from rouser_slurm.lease import Lease
from rouser_slurm.places import Generation

STUBBORN = """\
import os, pathlib, signal, sys, time
for number in (signal.SIGHUP, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
print("at work", flush=True)
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(600)
"""

LEAVING = """\
import os, pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGHUP, signal.SIG_IGN)
left = subprocess.Popen(["sleep", "600"], HOW)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
print("at work", flush=True)
pathlib.Path(sys.argv[1]).write_text(f"{os.getpid()} {left.pid}")
time.sleep(600)
"""
LEAVING_A_DAEMON = LEAVING.replace("HOW", "start_new_session=True")
LEAVING_ONE_WITHOUT_A_MARK = LEAVING.replace("HOW", 'env={"PATH": os.environ["PATH"]}')
HEEDING = """\
import os, pathlib, sys, time
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(600)
"""
GREP = """\
#!/bin/sh
echo >>{calls}
sleep 0.3
exec {grep} "$@"
"""


class Job:
    """A job's script on this machine, with an agent that heeds neither hangup nor TERM unless another one is given."""

    def __init__(self, root: Path, name: str, agent: str = STUBBORN) -> None:
        self.temporary = root / "tmp"
        self.claim = Lease(1, str(uuid.uuid4()), held=True)
        directory = root / name
        directory.mkdir()
        self.generation = Generation(directory / "1")
        self.generation.make(self.claim.session_id)
        lease.write(self.generation.lease, self.claim)
        note = directory / "agent"
        launch.write(self.generation, root, [sys.executable, "-c", agent, str(note)], dict(os.environ))
        found = settings.parse({"directory": str(root), "lease_seconds": 2})
        script = directory / "script"
        script.write_text(submission.script(found, self.generation, self.claim))
        self.process = subprocess.Popen(
            ["/bin/sh", str(script)],
            env={"PATH": f"{root / 'bin'}:{os.environ['PATH']}", "TMPDIR": str(self.temporary), "SLURM_JOB_ID": "17"},
            cwd="/",
            start_new_session=True,
        )
        self.mark = f"{script}\0"
        wait_for(lambda: note.exists() and note.read_text(), "the agent runs", 30)
        self.agent, *self.left = map(int, note.read_text().split())
        (self.place,) = self.temporary.glob(f"rouser-slurm-{self.process.pid}-*")

    def ended(self) -> str | None:
        """Return the end that the job has reported."""
        return self.generation.report().ended

    def kill(self) -> None:
        """Kill the script and all that belongs to it, its guard too; the agent lives on."""
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in pids_of(self.mark):
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
        self.process.wait(10)

    def revoke(self) -> None:
        lease.write(self.generation.lease, Lease(1, self.claim.session_id, held=False))


def searches() -> str:
    """Return the name of the directory of shared searches."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"rouser-slurm.search-{os.geteuid()}-{Path('/proc/self/ns/pid').stat().st_ino}-{boot}"


@pytest.fixture
def root():
    made = Path(tempfile.mkdtemp(prefix="rj-", dir="/tmp")).resolve()
    (made / "tmp").mkdir()
    yield made
    shutil.rmtree(made)


@pytest.fixture
def start(root):
    """Start jobs by name; all of them are ended."""
    jobs = []

    def one(name, agent=STUBBORN):
        jobs.append(Job(root, name, agent))
        return jobs[-1]

    yield one
    while left := pids_of(str(root)):
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    for job in jobs:
        job.process.wait(10)


def test_a_cancelled_job_keeps_its_screen_and_leaves_nothing_behind(start):
    job = start("a")
    job.process.terminate()
    assert job.process.wait(30) == 0
    assert job.ended() == "cancelled"
    assert "at work" in job.generation.screen()
    assert not running(job.agent)
    assert list(job.temporary.iterdir()) == []


def test_jobs_that_end_at_the_same_time_share_searches(root, start):
    (root / "bin").mkdir()
    calls = root / "calls"
    grep = root / "bin" / "grep"
    grep.write_text(GREP.format(calls=calls, grep=shutil.which("grep")))
    grep.chmod(0o755)
    jobs = [start(name, HEEDING) for name in "abcd"]
    for job in jobs:
        job.process.terminate()
    assert [job.process.wait(30) for job in jobs] == [0] * len(jobs)
    assert [job.ended() for job in jobs] == ["cancelled"] * len(jobs)
    assert [running(job.agent) for job in jobs] == [False] * len(jobs)
    assert len(calls.read_text().splitlines()) < 2 * len(jobs)
    assert list((root / "tmp").iterdir()) == []


def test_jobs_that_end_at_the_same_time_end_all_that_their_agents_left(root, start):
    jobs = [start("a", HEEDING), start("b", LEAVING_A_DAEMON), start("c", LEAVING_ONE_WITHOUT_A_MARK)]
    for job in jobs:
        job.process.terminate()
    for job in jobs:
        assert job.process.wait(30) == 0
        assert job.ended() == "cancelled"
        assert [pid for pid in (job.agent, *job.left) if running(pid)] == []
    assert list((root / "tmp").iterdir()) == []


@pytest.mark.parametrize("agent", [HEEDING, LEAVING_A_DAEMON])
@pytest.mark.parametrize("left", [{"turn": ""}, {"begun": "99999999999 1", "seen.99999999999.1": ") S 1 1 1 "}])
def test_a_job_believes_and_waits_for_no_search_of_who_is_no_more(root, start, left, agent):
    shared = root / "tmp" / searches()
    shared.mkdir(mode=0o700)
    for name, text in left.items():
        (shared / name).write_text(text)
    job = start("a", agent)
    begun = time.monotonic()
    job.process.terminate()
    assert job.process.wait(30) == 0
    assert job.ended() == "cancelled"
    assert time.monotonic() - begun < 10
    assert [pid for pid in (job.agent, *job.left) if running(pid)] == []
    assert list((root / "tmp").iterdir()) == []


def test_a_job_trusts_no_search_of_others(root, start):
    (root / "elsewhere").mkdir()
    (root / "tmp" / searches()).symlink_to(root / "elsewhere")
    job = start("a", LEAVING_A_DAEMON)
    job.process.terminate()
    assert job.process.wait(30) == 0
    assert [pid for pid in (job.agent, *job.left) if running(pid)] == []
    assert list((root / "elsewhere").iterdir()) == []


def test_a_job_that_lost_its_lease_leaves_nothing_behind(start):
    job = start("a")
    job.revoke()
    assert job.process.wait(30) == 0
    assert job.ended() == "fenced"
    assert not running(job.agent)
    assert list(job.temporary.iterdir()) == []


def test_a_job_that_cannot_reach_its_lease_ends_and_leaves_nothing_behind(root, start):
    job = start("a")
    job.generation.path.parent.rename(root / "away")
    assert job.process.wait(30) == 0
    assert not running(job.agent)
    assert list(job.temporary.iterdir()) == []


def test_a_job_whose_script_was_killed_leaves_nothing_behind(start):
    job = start("a")
    job.process.kill()
    job.process.wait(10)
    wait_for(lambda: job.ended() == "abandoned", "the guard has ended the agent", 30)
    assert not running(job.agent)
    wait_for(lambda: list(job.temporary.iterdir()) == [], "the guard has removed the directory")


def test_the_next_job_ends_and_removes_what_one_left_that_was_killed_with_its_guard(start):
    lost = start("a")
    lost.kill()
    assert lost.place.is_dir()
    assert running(lost.agent)
    job = start("b")
    wait_for(lambda: list(job.temporary.iterdir()) == [job.place], "what the lost job left is removed", 30)
    assert not running(lost.agent)
    assert (running(job.agent), job.ended()) == (True, None)


def test_a_job_removes_nothing_that_is_in_use_or_not_its_users(root, start):
    living = start("a")
    kept = {living.place}

    def make(name):
        path = living.temporary / name
        path.mkdir()
        kept.add(path)
        return path

    for name in ("rouser-slurm-aaaaaa", "rouser-999999999-aaaaaa", "other"):
        make(name)
    outside = root / "outside"
    outside.mkdir()
    (living.temporary / "rouser-slurm-999999999-link00").symlink_to(outside)
    kept.add(living.temporary / "rouser-slurm-999999999-link00")
    if os.geteuid() == 0:
        os.chown(make("rouser-slurm-999999999-theirs"), 65534, 65534)
    guarded = make("rouser-slurm-999999999-locked") / "lock"
    abandoned = living.temporary / "rouser-slurm-999999999-zzzzzz"  # the last that a job looks at
    abandoned.mkdir()
    with guarded.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        job = start("b")
        kept.add(job.place)
        wait_for(lambda: set(living.temporary.iterdir()) <= kept, "what was abandoned is removed", 30)
        assert set(living.temporary.iterdir()) == kept
        assert outside.is_dir()
        assert running(living.agent)
