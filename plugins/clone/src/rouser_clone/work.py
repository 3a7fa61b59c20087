"""What a clone holds that exists nowhere else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rouser import operation_under_way
from rouser_clone.cloning import REMOTE
from rouser_clone.git import count, git
from rouser_clone.source import Source, is_repository

_SUBMODULE_MODE: Final = "160000"
_STASH: Final = "--glob=refs/stas[h]"  # a pattern, or git would look below it


def describe(path: Path, source: Source) -> str:
    """Return in one line what would be lost with the clone at ``path``; ``clean`` when nothing would."""
    changed = _changed(path)
    parts = [f"{_count(changed, 'file')} changed, not committed"] if changed else []
    stashed = len(git(path, "stash", "list", "--format=%H").split())
    if stashed:
        parts.append(f"{_count(stashed, 'stash', 'es')} kept")
    commits = _only_here(path, source)
    if commits:
        parts.append(f"{_count(commits, 'commit')} neither pushed nor in {source.common}")
    if commits := _in_submodules(path):
        parts.append(f"{_count(commits, 'commit')} not pushed in submodules")
    if begun := operation_under_way(path / ".git"):
        parts.append(f"{begun} not finished")
    return " · ".join(parts) or "clean"


def _changed(path: Path) -> int:
    """Return how many files are modified, staged or untracked, ignored ones left out."""
    entries = iter(
        git(path, "status", "--porcelain=v2", "-z", "--untracked-files=all", "--ignore-submodules=none").split("\0")
    )
    found = 0
    for entry in entries:
        found += entry[:1] in {"1", "2", "u", "?"}
        if entry.startswith("2 "):  # a rename is followed by the name that the file had
            next(entries, None)
    return found


def _only_here(path: Path, source: Source) -> int:
    """Return how many commits of the clone neither a remote has, as far as the clone knows, nor the source, right now.

    What the clone knows of the source does not count: a branch may have been deleted there since.
    """
    pushed = ["--not", f"--exclude={REMOTE}/*", "--remotes"]
    own = git(path, "rev-list", "--exclude=refs/stash", "--exclude=refs/remotes/*", "--all", *pushed, "--")
    if not own or not is_repository(source.common):
        return len(own.split())
    there = git(source.common, "cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=f"{own}\n").splitlines()
    present = [line.split()[0] for line in there if line.endswith(" commit")]
    # A snapshot may have them too, but whoever removes a clone without force does not want to look there.
    kept = ("--not", "--exclude=refs/rouser/*", "--all")
    dropped = count(source.common, "--stdin", *kept, stdin="\n".join([*present, ""]))
    return len(there) - len(present) + dropped


def _in_submodules(path: Path) -> int:
    """Return how many commits in submodules no remote has, whether or not they are checked out."""
    places = {place.resolve() for place in (*_modules_in(path / ".git"), *_checked_out(path))}
    return sum(_unpushed(place) for place in places)


def _unpushed(module: Path) -> int:
    # It names its work tree, without which git does not start; another one that is there will do.
    here = (f"--git-dir={module}", f"--work-tree={module}", "rev-list", "--ignore-missing")
    return len(git(module, *here, "HEAD", "--branches", _STASH, "--not", "--remotes", "--").split())


def _modules_in(directory: Path) -> Iterator[Path]:
    """Yield the repositories of submodules that a clone keeps in its own, and those of their submodules."""
    top = directory / "modules"
    for place, names, _ in os.walk(top):
        if place != str(top) and is_repository(Path(place)):
            names.clear()
            yield Path(place)
            yield from _modules_in(Path(place))


def _checked_out(path: Path) -> Iterator[Path]:
    """Yield the repositories of the submodules that are checked out below ``path``."""
    if not (path / ".gitmodules").exists():
        return
    for entry in git(path, "ls-files", "--stage", "-z").split("\0"):
        mode, _, name = entry.partition("\t")
        inner = path / name
        if mode.startswith(_SUBMODULE_MODE) and (inner / ".git").exists():
            yield Path(git(inner, "rev-parse", "--absolute-git-dir"))
            yield from _checked_out(inner)


def _count(number: int, noun: str, plural: str = "s") -> str:
    return f"{number} {noun}{'' if number == 1 else plural}"
