"""The process's environment, directory, umask and streams, put back whenever a plugin has changed them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any


class Surroundings:
    """What the process had around it when this was made.

    :ivar environment: its environment variables.
    """

    def __init__(self) -> None:
        self.environment = dict(os.environ)
        self._raw = dict(_raw())
        self._directory = _directory()
        self._streams = sys.stdout, sys.stderr
        self._umask = os.umask(0o077)
        os.umask(self._umask)

    def put_back(self) -> None:
        """Undo what plugins have changed, so that it reaches neither other plugins nor the agents of others."""
        if _raw() != self._raw:
            for name in os.environ.keys() - self.environment.keys():
                os.environ.pop(name, None)
            os.environ.update(self.environment)
        sys.stdout, sys.stderr = self._streams
        os.umask(self._umask)
        if self._directory and _directory() != self._directory:
            with suppress(OSError):
                os.chdir(self._directory)


def _raw() -> Mapping[Any, Any]:
    """Return the environment as Python keeps it: to decode it for each hook call takes as long as the call itself."""
    undecoded: Mapping[Any, Any] = getattr(os.environ, "_data", os.environ)
    return undecoded


def _directory() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - asked after each hook call
    except OSError:  # it was removed
        return ""
