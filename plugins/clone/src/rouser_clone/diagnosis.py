"""What ``rouser doctor`` tells of clones: git, the base directory, and clones that are gone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from rouser import Diagnosis, HookError, require_git
from rouser_clone.places import recorded


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
    try:
        return Diagnosis(subject="git", ok=True, message=f"git {require_git()}")
    except HookError as error:
        return Diagnosis(subject="git", ok=False, message=str(error), remedy="install git 2.30 or later")
