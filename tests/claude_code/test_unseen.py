"""What cannot be looked at has not ended."""

import pytest
from support.descriptors import no_descriptors

from rouser_claude_code import register


def test_without_descriptors_it_is_not_known_whether_a_client_lives():
    with no_descriptors(), pytest.raises(OSError, match="Too many open files"):
        register.starting("0d1e")
    with no_descriptors(), pytest.raises(OSError, match="Too many open files"):
        register.start_time(1)
