"""Which git there is, and which will do."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rouser import HookError
from rouser_worktree.process import run, seconds_for_git

MINIMUM: Final = (2, 30)
"""The oldest git that will do: ``rev-parse --verify --end-of-options`` came right with 2.30."""


def require_git() -> str:
    """Return the version of the git in ``PATH``, like ``2.39.5``.

    :raises HookError: there is none, it hangs, it is too old, or it says something else.
    """
    said = run(["git", "version"], Path("/"), seconds_for_git()).output.strip()
    version = (said.removeprefix("git version ").split() or [""])[0]
    numbers = tuple(int(part) for part in version.split(".") if part.isdigit())
    if not said.startswith("git version ") or not numbers:
        raise HookError(f"`git version` says {said[:80]!r}, which names no version; check the git in PATH")
    if numbers < MINIMUM:
        raise HookError(f"git {version} is too old; install {'.'.join(map(str, MINIMUM))} or later")
    return version
