"""Where worktrees are: one directory per repository below a base directory, one in there per session."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rouser import HookError, data_directory

_UNFIT: Final = r"[^\w.-]+"
_LONGEST_NAME: Final = 48
_SETTINGS: Final = frozenset({"base", "snapshot_ignored", "snapshot_max_file_size"})


def configured_base(settings: Mapping[str, Any]) -> Path | None:
    """Return the base directory that the settings name; None when they name none.

    :raises HookError: there is a setting of a name that is none, or ``base`` is not an absolute path.
    """
    if unknown := sorted(settings.keys() - _SETTINGS):
        allowed = ", ".join(sorted(_SETTINGS))
        raise HookError(f"unknown setting {unknown[0]!r} of the worktree plugin; allowed are: {allowed}")
    if "base" not in settings:
        return None
    value = settings["base"]
    path = _expanded(value) if isinstance(value, str | os.PathLike) and str(value) else None
    if path is None or not path.is_absolute() or "\0" in str(path):
        raise HookError(f"the worktree plugin's base is {value!r}; it must be an absolute path, or begin with ~")
    return path


def default_base() -> Path:
    """Return ``$ROUSER_HOME/worktrees``, or ``worktrees`` in the user's data directory."""
    if home := os.environ.get("ROUSER_HOME"):
        path = _expanded(home)
        if path is None:
            raise HookError(f"ROUSER_HOME is {home!r}, and ~ cannot be resolved; set it to an absolute path")
        return path.absolute() / "worktrees"
    return data_directory() / "worktrees"


def directory_name(common: Path) -> str:
    """Return the name below the base for a repository, as people know it: ``shop`` for ``shop/.git``, ``shop.git``."""
    name = common.parent.name if common.name == ".git" else common.name.removesuffix(".git")
    return re.sub(_UNFIT, "-", name).strip("-.")[:_LONGEST_NAME] or "repository"


def make_private(directory: Path) -> None:
    """Create ``directory`` with mode 0700 if it is not there; its parents get the usual mode."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    directory.mkdir(mode=0o700, exist_ok=True)


def _expanded(value: str | os.PathLike[str]) -> Path | None:
    try:
        return Path(value).expanduser()
    except RuntimeError:  # no home directory is known
        return None
