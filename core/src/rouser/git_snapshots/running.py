"""How git is run for snapshots: by the plugin, and so that nothing of the repository's is run or changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

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


class RunGit(Protocol):
    """Runs git and returns what it prints."""

    def __call__(
        self,
        directory: Path,
        arguments: tuple[str, ...],
        stdin: bytes = b"",
        variables: Mapping[str, str] | None = None,
    ) -> bytes:
        """Run ``git`` with ``arguments`` in ``directory``, unattended, bound to no repository of the caller's.

        :param stdin: what it reads.
        :param variables: added to its environment.
        :raises HookError: it failed, could not be started, or did not end in time.
        """
        ...


class QuietGit:
    """Git commands that run no hook, change no setting and write no reflog."""

    def __init__(self, run: RunGit) -> None:
        self._run: Final = run

    def __call__(
        self, directory: Path, *arguments: str, stdin: bytes = b"", variables: Mapping[str, str] | None = None
    ) -> bytes:
        """Run a git command and return its output; raises what the plugin's function raises."""
        return self._run(directory, (*_OPTIONS, *arguments), stdin, variables)

    def word(
        self, directory: Path, *arguments: str, stdin: bytes = b"", variables: Mapping[str, str] | None = None
    ) -> str:
        """Return the output of a command that prints one word."""
        return self(directory, *arguments, stdin=stdin, variables=variables).decode("ascii", "replace").strip()
