"""What needs no cluster: settings, options, handles, reports, what squeue prints, the scripts."""

import os
import subprocess
import threading
import time
import uuid
from pathlib import Path

import pytest

from rouser import HookError
from rouser_slurm import launch, lease, places, queue, settings, submission
from rouser_slurm.client import SlurmError
from rouser_slurm.handle import Handle
from rouser_slurm.judgement import notes, span
from rouser_slurm.lease import Lease
from rouser_slurm.places import Generation, generation_of
from rouser_slurm.plugin import SlurmRuntime
from rouser_slurm.queue import Phase
from rouser_slurm.terminal import Terminals

SESSION = str(uuid.uuid4())


def handle(**fields):
    values = {"cluster": "c", "job": 17, "generation": 2, "session_id": SESSION, "name": "proj-1"}
    return Handle(**(values | {"directory": Path("/srv/a b:c")} | fields))


def test_a_handle_comes_back_from_its_text():
    assert Handle.parse(str(handle())) == handle()
    assert Handle.parse(str(handle(cluster=""))) == handle(cluster="")


@pytest.mark.parametrize(
    "text", ["", "slurm:v1:", "tmux:v1:c:17:2:s:n:/x", "slurm:v2:c:17:2:s:n:/x", "slurm:v1:c:x:2:s:n:/x"]
)
def test_what_is_no_handle_is_refused(text):
    with pytest.raises(HookError, match="is not a handle"):
        Handle.parse(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0:00", 0),
        ("12:34", 754),
        ("1:02:03", 3723),
        ("2-03:04:05", 183845),
        ("UNLIMITED", None),
        ("INVALID", None),
        ("NOT_SET", None),
        ("", None),
        ("soon", None),
    ],
)
def test_times_as_squeue_prints_them(text, seconds):
    assert queue.seconds_of(text) == seconds


def test_the_list_of_jobs_is_read_whatever_other_jobs_are_called():
    jobs = queue.parse(
        "17|RUNNING|1:00:00|n1|None|rouser-a\n18|NODE_FAIL|INVALID|n[1-2]|NodeDown|a|b | c\n\n19|NEW_STATE|1:00||None|x\n"
    )
    assert [(job.id, job.phase) for job in jobs.values()] == [
        (17, Phase.RUNNING),
        (18, Phase.OVER),
        (19, Phase.STRANGE),
    ]
    assert (jobs[17].seconds_left, jobs[17].reason, jobs[17].nodes) == (3600, "", "n1")
    assert (jobs[18].name, jobs[18].reason) == ("a|b | c", "NodeDown")


def test_an_answer_that_is_no_list_of_jobs_is_an_error():
    with pytest.raises(HookError, match="is no list of jobs"):
        queue.parse("something that nobody expects\n")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5, "5s"), (720, "12m"), (3600, "1h"), (19200, "5h20m"), (86400, "1d"), (273600, "3d4h")],
)
def test_a_time_limit_is_told_as_people_say_it(seconds, words):
    assert span(seconds) == words
    jobs = queue.parse("17|RUNNING|0:00|n1|None|rouser-proj-1")
    limited = {17: queue.Job(17, "RUNNING", "rouser-proj-1", seconds)}
    assert notes(limited, [handle()]) == {handle(): f"ends in {words}"}
    assert notes(jobs | {17: queue.Job(17, "RUNNING", "x", None)}, [handle()]) == {}


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        ({}, []),
        ({"partition": "long", "time": "1-02:00:00"}, ["--partition=long", "--time=1-02:00:00"]),
        ({"cpus": "4", "memory": "8G", "gres": "gpu:1"}, ["--cpus-per-task=4", "--mem=8G", "--gres=gpu:1"]),
        ({"sbatch": "--nice=10 --licenses='a b'"}, ["--nice=10", "--licenses=a b"]),
    ],
)
def test_options_become_arguments_of_sbatch(given, arguments):
    assert settings.arguments(settings.check(given)) == arguments


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("tiem", "1", "allowed are: partition"),
        ("time", "soon", "give minutes"),
        ("cpus", "0", "give a number"),
        ("memory", "much", "give a number of megabytes"),
        ("partition", "a\nb", "would not take"),
        ("partition", "", "would not take"),
        ("sbatch", "--array=1-3", "--array, which rouser itself has to decide"),
        ("sbatch", "-N2", "-N2, which rouser itself has to decide"),
        ("sbatch", "--requeue", "which rouser itself has to decide"),
        ("sbatch", "rm -rf /", "write options as"),
        ("sbatch", "'", "No closing quotation"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(key, value, words):
    with pytest.raises(HookError, match=words):
        SlurmRuntime().runtime_options({key: value})


def test_settings_are_read_from_files_and_environment_alike():
    found = settings.parse({"directory": "/srv/r", "lease_seconds": "7", "notice_seconds": 0, "time": "30", "cpus": 2})
    assert (found.directory, found.lease_seconds, found.notice_seconds) == (Path("/srv/r"), 7, 0)
    assert found.options == {"time": "30", "cpus": "2"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"nope": 1}, "unknown setting 'nope'"),
        ({"lease_seconds": 1}, "whole number from 2 to 600"),
        ({"lease_seconds": True}, "whole number"),
        ({"directory": 3}, "give a text"),
        ({"time": "soon"}, "give minutes"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(given, words):
    with pytest.raises(HookError, match=words):
        SlurmRuntime().plugin_configure(given)


def test_a_lease_is_written_in_place_and_always_of_the_same_length(tmp_path):
    path = tmp_path / "lease"
    lease.write(path, Lease(9, SESSION, held=True))
    size, inode = path.stat().st_size, path.stat().st_ino
    assert lease.read(path) == Lease(9, SESSION, held=True)
    lease.write(path, Lease(10, SESSION, held=False))
    assert lease.read(path) == Lease(10, SESSION, held=False)
    assert (path.stat().st_size, path.stat().st_ino) == (size, inode)


def test_only_the_generation_that_holds_a_lease_loses_it(tmp_path):
    path = tmp_path / "lease"
    assert not lease.revoke(path, 1, SESSION)
    lease.write(path, Lease(2, SESSION, held=True))
    assert lease.revoke(path, 1, SESSION)
    assert lease.read(path) == Lease(2, SESSION, held=True)
    assert lease.revoke(path, 2, SESSION)
    assert lease.read(path) == Lease(2, SESSION, held=False)


@pytest.mark.parametrize("text", ["", "1 x held", "x y held\n", "1 x maybe\n"])
def test_a_lease_that_makes_no_sense_is_an_error(tmp_path, text):
    (tmp_path / "lease").write_text(text)
    with pytest.raises(HookError, match="makes no sense"):
        lease.read(tmp_path / "lease")


def test_a_name_is_created_by_one_at_a_time(tmp_path):
    another = lease.creating(tmp_path / "lock")
    with lease.creating(tmp_path / "lock"), pytest.raises(HookError, match="created by somebody else"), another:
        pytest.fail("two hold the lock of a name")
    with lease.creating(tmp_path / "lock"):
        pass


def test_the_report_of_a_job_is_read_line_by_line():
    report = places.parse_report("started 17 c n1 %0 /tmp/a b/tmux\nended cut off\nnonsense\n")
    assert report.started == places.Started(17, "c", "n1", "%0", "/tmp/a b/tmux")
    assert (report.failed, report.ended) == (None, "cut off")
    assert places.parse_report("failed there is no program x\n").failed == "there is no program x"
    assert places.parse_report("started x\n") == places.Report()


def test_a_line_that_is_not_whole_yet_is_not_read(tmp_path):
    generation = Generation(tmp_path / "1")
    generation.make(SESSION)
    (generation.path / "state").write_text("started 17 c n1 %0 /tmp/x/tmux\nend")
    assert generation.report().ended is None
    assert generation.job() == 17


def test_silence_is_measured_by_the_clock_of_the_file_system(tmp_path):
    generation = Generation(tmp_path / "1")
    generation.make(SESSION)
    assert generation.silence() is None
    (generation.path / "beat").write_text("1\n")
    assert generation.silence() < 2
    stat = (generation.path / "beat").stat()
    os.utime(generation.path / "beat", (stat.st_atime, stat.st_mtime - 60))
    assert 59 < generation.silence() < 65


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_both_scripts_are_shell_scripts(shell, tmp_path):
    generation = Generation(tmp_path / "it's 1")
    found = settings.parse({"directory": str(tmp_path)})
    job = submission.script(found, generation, Lease(1, SESSION, held=True))
    start = launch.script(generation, tmp_path, ["it's", "$(rm)", "\n"], {"A": "'\"`", "UID": "1", "a-b": "2"})
    assert job.startswith("#!/bin/sh\n")
    assert "UID" not in start
    assert "a-b" not in start
    for script in (job, start):
        subprocess.run([shell, "-n"], input=script, text=True, check=True, timeout=10)


def test_submissions_keep_their_distance():
    pace = submission.Pace(per_second=100)
    begun = time.monotonic()
    for _ in range(4):
        pace.wait()
    assert time.monotonic() - begun >= 0.03


def test_an_agent_is_told_of_its_time_limit_unless_nobody_wants_that():
    assert "in about 5 minutes" in submission.notice(300)
    assert "in about 90 seconds" in submission.notice(90)
    assert submission.notice(0) == ""


class NodeWithoutServer:
    """Stands for a cluster on whose node tmux has just ended, which the job finds out a moment later."""

    def __init__(self, generation):
        self.generation = generation

    def run(self, *argv, **options):
        threading.Timer(0.2, self.find_out).start()
        raise SlurmError("srun failed: no server running on /tmp/x/tmux", "no server running on /tmp/x/tmux")

    def find_out(self):
        (self.generation.path / "screen").write_text("last words\n\nPane is dead\n")
        with (self.generation.path / "state").open("a") as state:
            state.write("ended exited\n")


@pytest.mark.parametrize("kept", ["", "what it showed ten seconds ago\n"])
def test_the_last_words_of_an_agent_that_has_just_ended_are_waited_for(tmp_path, kept):
    runtime = handle(directory=tmp_path)
    generation = generation_of(runtime)
    generation.path.parent.mkdir()
    generation.make(SESSION)
    (generation.path / "screen").write_text(kept)
    (generation.path / "state").write_text("started 17 c n1 %0 /tmp/x/tmux\n")
    terminals = Terminals(NodeWithoutServer(generation), "tmux")
    assert terminals.last_lines(runtime, 5) == "last words"
