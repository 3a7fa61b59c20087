"""What the guard takes for a process that runs."""

import os
import subprocess
from importlib.resources import files

import pytest
from support.programs import HEADLESS, python

ENDING = files("rouser_slurm") / "ending.sh"
SEARCHES = {
    "a look": 'runs "$1"',
    "a search for members": 'here=/nowhere agent=$1; find_members; case " $found " in *" $1 "*) ;; *) false ;; esac',
    "a search for all": (
        "mkdir common; common=common asked=100 begun=100 moment=101; uptime() { :; };"
        ' search_for_all; case $seen in *" $1 "*) ;; *) false ;; esac'
    ),
}


@pytest.fixture(params=SEARCHES.values(), ids=list(SEARCHES))
def is_seen(request, tmp_path):
    def look(pid):
        script = f'. "$2"; {request.param}'
        command = ["sh", "-c", script, "sh", str(pid), ENDING]
        return subprocess.run(command, cwd=tmp_path, check=False, timeout=60).returncode == 0

    return look


def test_one_that_runs_is_seen(is_seen):
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, start_new_session=True) as process:
        assert is_seen(process.pid)


def test_one_whose_first_thread_has_ended_is_seen(is_seen):
    with subprocess.Popen(python(HEADLESS), stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout.readline() == b"HEADLESS\n"
            assert is_seen(process.pid)
        finally:
            process.kill()


def test_one_that_has_ended_is_not_seen(is_seen):
    with subprocess.Popen(["true"], start_new_session=True) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not is_seen(process.pid)
