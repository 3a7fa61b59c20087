"""The submodules of a worktree: git keeps their repositories in its private directory, below ``modules``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from rouser import GitFailedError
from rouser_worktree.commands import ask, git
from rouser_worktree.links import git_directory, is_repository, write_link
from rouser_worktree.locks import Held

_SUBMODULE_MODE: Final = "160000"
_STASH: Final = "--glob=refs/stas[h]"  # a pattern, or git would look below it


def unpushed_in_submodules(path: Path, private: Path) -> int:
    """Return how many commits no remote has in the submodules of a worktree, checked out or not."""
    places = {place.resolve() for place in (*modules_in(private), *_checked_out(path))}
    return sum(len(unpushed_commits(place)) for place in places)


def unpushed_commits(module: Path) -> list[str]:
    """Return the commits of a submodule's repository that no remote has, the newest first."""
    # It names its work tree, without which git does not start; another one that is there will do.
    here = (f"--git-dir={module}", f"--work-tree={module}")
    wanted = ("HEAD", "--branches", _STASH, "--not", "--remotes", "--")
    return git(module, *here, "rev-list", "--ignore-missing", *wanted).split()


def modules_in(directory: Path) -> Iterator[Path]:
    """Yield the repositories of submodules below a private directory, and those of their submodules."""
    top = directory / "modules"
    for place, names, _ in os.walk(top):
        if place != str(top) and is_repository(place):
            names.clear()
            yield Path(place)
            yield from modules_in(Path(place))
        names.sort()


def refill_submodules(private: Path, path: Path, held: Held | None) -> None:
    """Check out the submodules that a worktree had, as they were, into their directories below ``path``.

    Otherwise ``git submodule update`` would check out the recorded commit over what they had. What there is in these
    directories is nobody's work: somebody was killed at this.
    """
    for module in modules_in(private):
        named = ask(module, "config", "--file", "config", "core.worktree")
        place = Path(os.path.normpath(module.resolve() / named)) if named else path
        is_below = path.resolve() in place.parents and place.resolve() == place
        if is_below and place.is_dir():
            write_link(module, place)
            with suppress(GitFailedError):  # one that is damaged is no reason to go without the worktree
                git(place, "checkout-index", "--all", "--quiet", "--force", held=held)


def _checked_out(path: Path) -> Iterator[Path]:
    """Yield the repositories of the submodules that are checked out below ``path``."""
    if not (path / ".gitmodules").exists():
        return
    for entry in git(path, "ls-files", "--stage", "-z").split("\0"):
        mode, _, name = entry.partition("\t")
        if mode.startswith(_SUBMODULE_MODE) and (place := git_directory(path / name)) is not None:
            yield place
            yield from _checked_out(path / name)
