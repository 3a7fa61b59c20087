"""How git is run for snapshots: nothing of the repository's is run or changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rouser.git_program import run_git

_QUIET: Final = (
    "core.hooksPath=/dev/null",  # git runs reference-transaction and others for what we do
    "core.fsmonitor=false",
    "core.logAllRefUpdates=false",
    "core.protectHFS=false",  # a name that another system could not have is kept all the same
    "core.protectNTFS=false",
    "core.quotePath=false",
    "fetch.writeCommitGraph=false",
    "gc.auto=0",
    "i18n.commitEncoding=UTF-8",
    "maintenance.auto=false",
    "protocol.version=2",  # fetches a commit that no reference names
)
_OPTIONS: Final = tuple(word for setting in _QUIET for word in ("-c", setting))


def git(directory: Path, *arguments: str, stdin: bytes = b"", variables: Mapping[str, str] | None = None) -> bytes:
    """Run a git command that runs no hook, changes no setting and writes no reflog; like :func:`rouser.run_git`."""
    return run_git(directory, (*_OPTIONS, *arguments), stdin, variables)


def word(directory: Path, *arguments: str, stdin: bytes = b"", variables: Mapping[str, str] | None = None) -> str:
    """Return the output of a command that prints one word."""
    return git(directory, *arguments, stdin=stdin, variables=variables).decode("ascii", "replace").strip()
