"""Finding the daemons of agents by their marks."""

import pytest
from support.descriptors import no_descriptors

from rouser import carried_tokens, find_daemons


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
