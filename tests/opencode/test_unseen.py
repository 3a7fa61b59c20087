"""What cannot be looked at has not ended."""

import pytest
from support.descriptors import no_descriptors

from rouser_opencode import processes


def test_without_descriptors_it_is_not_known_whether_a_client_lives(tmp_path):
    with no_descriptors(), pytest.raises(OSError, match="Too many open files"):
        list(processes.live(tmp_path))
