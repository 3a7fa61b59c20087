"""Which processes are a session's, and ending them."""

import os
import resource
import subprocess

import pytest
from support.descriptors import no_descriptors

from rouser import end_process_of, is_process_of

DEAF = "trap '' TERM; echo up; while :; do read -r line; done"


@pytest.fixture
def start():
    started = []

    def run(session_id, script="echo up; read -r line"):
        process = subprocess.Popen(
            ["/bin/sh", "-c", script],
            env={"ROUSER_SESSION_ID": session_id},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        assert process.stdout.readline() == b"up\n"
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_a_process_is_of_the_session_that_its_environment_names(start):
    process = start("5b1e7a34")
    assert is_process_of("5b1e7a34", process.pid)
    assert not is_process_of("5b1e", process.pid)
    assert not is_process_of("5b1e7a34", os.getpid())


@pytest.mark.parametrize("script", ["echo up; read -r line", DEAF])
def test_it_is_ended_though_it_may_not_want_to(start, script):
    process = start("5b1e7a34", script)
    end_process_of("5b1e7a34", process.pid)
    assert process.wait(30) < 0


def test_another_sessions_process_with_the_pid_is_left_alone(start):
    process = start("another")
    end_process_of("5b1e7a34", process.pid)
    assert process.poll() is None


def test_what_is_gone_already_is_no_error(start):
    process = start("5b1e7a34")
    process.kill()
    process.wait()
    assert not is_process_of("5b1e7a34", process.pid)
    end_process_of("5b1e7a34", process.pid)


def test_without_descriptors_it_is_not_known_whose_a_process_is(start):
    process = start("5b1e7a34")
    with no_descriptors(), pytest.raises(OSError, match="Too many open files"):
        is_process_of("5b1e7a34", process.pid)
    with no_descriptors(), pytest.raises(OSError, match="Too many open files"):
        end_process_of("5b1e7a34", process.pid)
    assert process.poll() is None


def test_it_is_ended_by_a_process_that_has_many_descriptors(start):
    process = start("5b1e7a34")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limits[1] < 2_000:
        pytest.skip("fewer descriptors are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (2_000, limits[1]))
    opened = []
    try:
        while not opened or opened[-1] < 1_100:
            opened.append(os.open(os.devnull, os.O_RDONLY))
        end_process_of("5b1e7a34", process.pid)
    finally:
        for descriptor in opened:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert process.wait(30) < 0
