"""What ``rouser doctor`` tells of clones: git, the base directory, and clones that are gone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rouser import Diagnosis, HookError
from rouser_clone.git import git
from rouser_clone.places import recorded

OLDEST: Final = (2, 30)
"""``rev-parse --verify --end-of-options`` came right with git 2.30."""


def diagnose(base: Path) -> Iterator[Diagnosis]:
    """Yield the findings."""
    yield _git()
    for path, record in recorded(base):
        if not os.path.lexists(path):
            yield Diagnosis(
                subject="clone",
                ok=False,
                message=f"{path} of session {record.session[:8]} is gone",
                remedy=f"rouser restore {record.session[:8]}, or rouser rm {record.session[:8]}",
            )


def _git() -> Diagnosis:
    needed = f"install git {'.'.join(map(str, OLDEST))} or newer"
    try:
        said = git(Path("/"), "version")
    except HookError as error:
        return Diagnosis(subject="git", ok=False, message=str(error), remedy=needed)
    words = said.split()
    version = words[2] if len(words) > 2 else ""  # noqa: PLR2004 - git version 2.39.5
    is_new_enough = tuple(int(part) for part in version.split(".") if part.isdigit()) >= OLDEST
    return Diagnosis(subject="git", ok=is_new_enough, message=said, remedy="" if is_new_enough else needed)
