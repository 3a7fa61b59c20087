"""The ``rouser`` command."""

from rouser.cli.app import main

__all__ = ["main"]
