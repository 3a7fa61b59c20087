"""The ``rouser`` command."""

from rouser.cli.program import main

__all__ = ["main"]
