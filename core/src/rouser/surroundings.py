"""The process's environment, directory and streams, put back whenever a plugin has changed them."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path


class Surroundings:
    """What the process had around it when this was made.

    :ivar environment: its environment variables.
    """

    def __init__(self) -> None:
        self.environment = dict(os.environ)
        self._directory = _directory()
        self._streams = sys.stdout, sys.stderr

    def put_back(self) -> None:
        """Undo what plugins have changed, so that it reaches neither other plugins nor the agents of others."""
        if os.environ != self.environment:
            for name in os.environ.keys() - self.environment.keys():
                os.environ.pop(name, None)
            os.environ.update(self.environment)
        sys.stdout, sys.stderr = self._streams
        if self._directory and _directory() != self._directory:
            with suppress(OSError):
                os.chdir(self._directory)


def _directory() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # it was removed
        return ""
