"""What cannot be looked at has not ended."""

import subprocess

import pytest
from support.descriptors import no_descriptors
from support.programs import HEADLESS, python

from rouser_claude_code import register


def test_without_descriptors_it_is_not_known_whether_a_client_lives():
    with no_descriptors(), pytest.raises(OSError, match="Too many open files"):
        register.starting("0d1e")
    with no_descriptors(), pytest.raises(OSError, match="Too many open files"):
        register.start_time(1)


def test_one_whose_first_thread_has_ended_lives():
    with subprocess.Popen(python(HEADLESS), stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"HEADLESS\n"
            assert register.start_time(process.pid) is not None
        finally:
            process.kill()
