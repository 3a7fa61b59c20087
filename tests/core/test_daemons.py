"""Finding the daemons of agents by their marks."""

import os
import subprocess

import pytest
from support.descriptors import no_descriptors
from support.programs import HEADLESS, python

from rouser import RUNTIME_VARIABLE, carried_tokens, find_daemons


@pytest.mark.parametrize("find", [find_daemons, carried_tokens])
def test_without_descriptors_it_is_not_known_whether_there_are_any(find):
    with no_descriptors(), pytest.raises(OSError, match="Too many open files"):
        find()


@pytest.mark.parametrize("find", [find_daemons, carried_tokens])
def test_without_a_proc_none_is_found(find, monkeypatch):
    def no_such_file(*arguments):
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr("rouser.daemons.os.listdir", no_such_file)
    assert not find()


def test_one_whose_first_thread_has_ended_is_found():
    token = os.urandom(8).hex()
    with subprocess.Popen(
        python(HEADLESS), env={RUNTIME_VARIABLE: token}, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            assert process.stdout.readline() == b"HEADLESS\n"
            assert find_daemons()[token] == {process.pid}
            assert token in carried_tokens()
        finally:
            process.kill()
    assert token not in find_daemons()
