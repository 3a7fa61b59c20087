"""Whole lives of sessions on a real cluster, by the real command: everything that Slurm does to a job."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest
from slurm.cluster import Cluster, pids_of, wait_for
from support.world import World, running

SECRET = "a-secret-in-the-environment"
pytestmark = pytest.mark.timeout(400)  # Slurm's limits are whole minutes, and each wait has a deadline of its own


@pytest.fixture
def world(cluster: Cluster):
    made = World(Path(tempfile.mkdtemp(prefix="rt-", dir="/tmp")).resolve())
    made.prepare()
    made.extra = {
        "ROUSER_RUNTIME": "slurm",
        "ROUSER_SLURM_CONF": str(cluster.configuration),
        "ROUSER_SLURM_DIRECTORY": str(made.root / "slurm"),
        "ROUSER_SLURM_LEASE_SECONDS": "3",
        "ROUSER_HOOK_TIMEOUT": "40",
        "KIT_SECRET": SECRET,
    }
    yield made
    made.run("kill", *(seen["id"] for seen in made.ls()), timeout=120)
    wait_for(lambda: not pids_of(str(made.root)), f"nothing of {made.root} is left")
    made.end()


def seen(world: World, session: str) -> dict:
    return next(view for view in world.ls() if view["id"] == session)


def job_of(view: dict) -> str:
    return view["runtime_handle"].split(":")[3]


def wait_until_gone(world: World, session: str, seconds: float = 60) -> None:
    wait_for(lambda: seen(world, session)["alive"] is False, "the session is seen to be gone", seconds=seconds)


def restored(world: World, session: str) -> dict:
    """Restore everything, and insist that this was one session; return it."""
    (view,) = world.ok("restore", "--all", "--json").json
    assert view["id"] == session
    assert len(world.lines("start", session)) == 2
    assert seen(world, session)["alive"] is True
    return view


def kill_at_once(pids: set[int]) -> None:
    """Kill processes before any of them can act on the others' end."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def test_a_life_spawn_send_logs_cancelled_restored_killed(world, cluster):
    session = world.spawn("fix it")["id"]
    world.ok("send", session, "hello there")
    world.wait_for_line(session, "hello there")
    wait_for(lambda: "got: hello there" in world.ok("logs", session).out, "the output is shown")
    (Path(seen(world, session)["workspace_path"]) / "work").write_text("not committed")
    cluster.run("scancel", job_of(seen(world, session)))
    wait_until_gone(world, session)
    view = restored(world, session)
    assert (Path(view["workspace_path"]) / "work").read_text() == "not committed"
    world.ok("send", session, "and again")
    world.wait_for_line(session, "and again")
    world.ok("kill", session)
    assert seen(world, session)["status"] == "killed"
    wait_for(lambda: not cluster.jobs("running,pending,completing"), "the queue is empty")


def test_a_time_limit_is_told_ahead_shown_and_outlived(world, cluster):
    world.extra["ROUSER_SLURM_NOTICE_SECONDS"] = "50"
    session = world.spawn("fix it", "--runtime-option", "time=1")["id"]
    view = seen(world, session)
    assert view["note"].startswith("ends in")
    assert view["runtime_config"] == {"time": "1"}
    assert "ends in" in world.ok("ls").out
    told = "Note from the cluster: this session's Slurm job ends in about 50 seconds"
    wait_for(lambda: any(told in line for line in world.lines("line", session)), "the agent is told", seconds=60)
    wait_for(lambda: cluster.jobs()[job_of(view)] == "TIMEOUT", "the job reaches its limit", seconds=120)
    wait_until_gone(world, session)
    view = restored(world, session)
    assert "TimeLimit=00:01:00" in cluster.run("scontrol", "show", "job", job_of(view))


def test_a_preempted_session_comes_back(world, cluster):
    session = world.spawn("fix it")["id"]
    job = job_of(seen(world, session))
    urgent = cluster.run("sbatch", "--parsable", "-purgent", "-N2", "--exclusive", "-o/dev/null", "--wrap=sleep 2")
    wait_for(lambda: cluster.jobs()[job] == "PREEMPTED", "the job is preempted", seconds=60)
    wait_until_gone(world, session)
    wait_for(lambda: cluster.jobs()[urgent] == "COMPLETED", "the urgent job is over", seconds=60)
    restored(world, session)


def test_a_node_without_power_is_unknown_until_slurm_gives_it_up_and_then_restored_elsewhere(world, cluster):
    session = world.spawn("fix it")["id"]
    job = job_of(seen(world, session))
    node = cluster.run("squeue", "-h", "-j", job, "-o", "%N")
    try:
        cluster.kill(node)
        kill_at_once({*cluster.processes_of(job), *pids_of(f"SLURM_JOB_ID={job}\0", str(cluster.root))})
        (pid,) = (int(line.split()[0]) for line in world.lines("start", session))
        wait_for(lambda: not running(pid), "the agent is gone")
        answers = set()
        wait_for(lambda: answers.add(seen(world, session)["alive"]) or None in answers, "that is not known at first")
        wait_until_gone(world, session, 90)
        assert cluster.jobs()[job] == "NODE_FAIL"
        restored(world, session)
    finally:
        cluster.start_node(node)
        wait_for(lambda: cluster.states().get(node) in {"idle", "mix"}, "the node is back", cluster.describe)


def test_a_session_comes_back_after_its_node_was_rebooted(world, cluster):
    session, begun = world.spawn("fix it")["id"], time.monotonic()
    job = job_of(seen(world, session))
    node = cluster.run("squeue", "-h", "-j", job, "-o", "%N")
    # Of one that began within MessageTimeout and BatchStartTimeout, Slurm believes that it may not have started yet.
    wait_for(lambda: time.monotonic() - begun > 16, "the job is old enough")
    cluster.kill(node)
    kill_at_once({*cluster.processes_of(job), *pids_of(f"SLURM_JOB_ID={job}\0", str(cluster.root))})
    cluster.start_node(node)
    wait_until_gone(world, session, 90)
    restored(world, session)


def test_a_copy_that_cannot_reach_its_lease_ends_itself(world, cluster):
    session = world.spawn("fix it", "--name", "cut")["id"]
    (pid,) = (int(line.split()[0]) for line in world.lines("start", session))
    (world.root / "slurm" / "cut").rename(world.root / "slurm" / "away")
    wait_for(lambda: not running(pid), "the agent has ended", seconds=30)
    (world.root / "slurm" / "away").rename(world.root / "slurm" / "cut")
    wait_until_gone(world, session)
    restored(world, session)


def test_a_copy_whose_lease_is_another_generations_ends_itself(world, cluster):
    session = world.spawn("fix it", "--name", "old")["id"]
    (pid,) = (int(line.split()[0]) for line in world.lines("start", session))
    lease = world.root / "slurm" / "old" / "lease"
    lease.write_text(lease.read_text().replace("1 ", "2 ", 1))
    wait_for(lambda: not running(pid), "the agent has ended")
    lease.write_text(lease.read_text().replace("2 ", "1 ", 1))
    wait_until_gone(world, session)


def stubborn(world: World) -> tuple[dict, int]:
    """Spawn an agent that heeds neither hangup nor TERM; return its session and process."""
    note = world.root / "stubborn"
    program = f"trap '' HUP TERM; echo $$ >{note}; while :; do sleep 0.2; done"
    session = world.spawn("fix it", agent=["sh", "-c", program])["id"]
    wait_for(lambda: note.exists() and note.read_text(), "the agent runs")
    return seen(world, session), int(note.read_text())


def test_no_agent_outlives_its_job_when_slurm_kills_all_that_it_tracks(world, cluster):
    view, agent = stubborn(world)
    kill_at_once(set(cluster.processes_of(job_of(view))) - {agent})
    wait_for(lambda: not running(agent), "the agent has ended")
    wait_until_gone(world, view["id"])
    world.ok("kill", view["id"])
    wait_for(lambda: not cluster.jobs("running,pending"), "the job is over for Slurm too")


def test_a_job_whose_guard_was_killed_ends_all_the_same(world, cluster):
    view, agent = stubborn(world)
    (guard,) = pids_of("slurm_script\0guard\0", f"SLURM_JOB_ID={job_of(view)}\0", str(cluster.root))
    os.kill(guard, signal.SIGKILL)
    wait_for(lambda: not running(agent), "the agent has ended")
    wait_until_gone(world, view["id"])


def test_a_session_that_waits_in_the_queue_is_withdrawn_in_time_and_never_starts(world, cluster):
    cluster.run("scontrol", "update", "partitionname=main", "state=down")
    try:
        done = world.run("spawn", "x", "--", *world.agent, env={"ROUSER_HOOK_TIMEOUT": "4"})
        assert done.code == 12
        assert "is PENDING (" in done.err
        assert "raise hook_timeout" in done.err
        assert world.ls() == []
    finally:
        cluster.run("scontrol", "update", "partitionname=main", "state=up")
    wait_for(lambda: not cluster.jobs("running,pending"), "the job is withdrawn")
    assert not world.record.exists()


def test_options_that_the_cluster_refuses_are_an_error_and_nothing_is_left(world, cluster):
    before = set(cluster.jobs())
    done = world.run("spawn", "x", "--runtime-option", "partition=nowhere", "--", *world.agent)
    assert done.code == 12
    assert "invalid partition" in done.err
    assert world.ls() == []
    assert set(cluster.jobs()) == before
    done = world.run("spawn", "x", "--runtime-option", "tiem=1", "--", *world.agent)
    assert "unknown option 'tiem' of slurm; allowed are: partition" in done.err


def test_secrets_are_not_for_the_controller_and_not_in_files_once_the_agent_runs(world, cluster):
    session = world.spawn("fix it")["id"]
    job = job_of(seen(world, session))
    assert SECRET not in cluster.run("scontrol", "show", "job", "-d", job)
    assert SECRET not in cluster.run("scontrol", "write", "batch_script", job, "-")
    assert not list((world.root / "slurm").rglob("launch"))
    found = [path for path in (world.root / "slurm").rglob("*") if path.is_file() and SECRET in path.read_text()]
    assert found == []
    assert all(path.stat().st_mode & 0o077 == 0 for path in (world.root / "slurm").rglob("*"))


def test_an_agent_has_the_umask_of_the_one_who_spawned_it(world, cluster):
    made = world.root / "made"
    command = ["sh", "-c", f"touch {made}; sleep 600"]
    before = os.umask(0o027)
    try:
        world.spawn("fix it", agent=command)
    finally:
        os.umask(before)
    wait_for(made.exists, "the agent made its file")
    assert made.stat().st_mode & 0o777 == 0o640


def test_the_files_of_a_session_go_with_it(world, cluster):
    session = world.spawn("fix it", "--name", "short")["id"]
    assert (world.root / "slurm" / "short").is_dir()
    world.ok("rm", session, "--force")
    assert not (world.root / "slurm" / "short").exists()
