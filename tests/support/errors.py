"""What a plugin refuses, and how it says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rouser import HookError


def refusal(call: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    """Return the one line that a call raises as :class:`HookError`."""
    with pytest.raises(HookError) as caught:
        call(*arguments, **named)
    text = str(caught.value)
    assert "\n" not in text
    return text
