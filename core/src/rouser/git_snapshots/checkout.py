"""What a checkout holds that its ``HEAD`` does not."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from rouser.errors import HookError
from rouser.git_program import operation_under_way
from rouser.git_snapshots.policy import SnapshotPolicy
from rouser.git_snapshots.running import git

GITLINK: Final = "160000"
_DRAFT: Final = re.compile(r"\.rouser-draft-[0-9a-f]{16}")


class Entry(NamedTuple):
    """What a tree has under a name."""

    mode: str
    blob: str


@dataclass(slots=True)
class Checkout:
    """A checkout, as ``git status`` sees it.

    :ivar head: the commit that is checked out. None: none yet.
    :ivar branch: the branch that is checked out. None: a commit is, without a branch.
    :ivar changed: the names that differ from ``head``; for those whose file need not be there since the index says
        what is (as in a sparse checkout), what it says.
    :ivar staged: whether the index differs from ``head``.
    :ivar unmerged: whether the index has conflicts.
    :ivar announced: the names whose content the index does not have yet (``git add --intent-to-add``).
    :ivar ignored: the ignored files and directories that are left out.
    :ivar drafts: files that nobody finished writing, see :func:`draft_beside`; part of nothing else.
    """

    head: str | None = None
    branch: str | None = None
    changed: dict[str, Entry | None] = field(default_factory=dict)
    staged: bool = False
    unmerged: bool = False
    announced: set[str] = field(default_factory=set)
    ignored: list[str] = field(default_factory=list)
    drafts: list[str] = field(default_factory=list)


def look(root: Path, policy: SnapshotPolicy) -> Checkout:
    """Return what the checkout at ``root`` holds; takes no lock and refreshes no index.

    :raises HookError: git cannot tell.
    """
    output = git(
        root,
        "status",
        "--porcelain=v2",
        "--branch",
        "-z",
        "--no-renames",
        "--untracked-files=all",
        "--ignore-submodules=none",
        f"--ignored={'traditional' if policy.ignored else 'matching'}",
    )
    found = Checkout()
    for line in output.split(b"\0"):
        _take_in(found, os.fsdecode(line), keep_ignored=policy.ignored)
    return found


def _take_in(found: Checkout, line: str, *, keep_ignored: bool) -> None:
    kind, _, rest = line.partition(" ")
    if line.startswith("# branch.oid "):
        commit = line.removeprefix("# branch.oid ")
        found.head = None if commit == "(initial)" else commit
    elif line.startswith("# branch.head "):
        branch = line.removeprefix("# branch.head ")
        found.branch = None if branch == "(detached)" else branch
    elif kind == "1":
        states, _, _, mode, _, _, blob, name = rest.split(" ", 7)
        found.staged |= states[0] != "."
        if states == ".A":
            found.announced.add(name)
        found.changed[name] = Entry(mode, blob) if states[1] == "." and states[0] != "D" else None
    elif kind == "u":
        found.unmerged = True
        found.changed[rest.split(" ", 9)[9]] = None
    elif kind in {"?", "!"} and is_draft(rest):
        found.drafts.append(rest)
    elif kind == "?" or (kind == "!" and keep_ignored):
        found.changed.setdefault(rest, None)
    elif kind == "!":
        found.ignored.append(rest)


def draft_beside(path: Path) -> Path:
    """Return where to write a file before it takes the place of ``path``; what is left of one that was killed there."""
    return path.with_name(f".rouser-draft-{os.urandom(8).hex()}")


def is_draft(name: str) -> bool:
    """Return whether a file has a name that :func:`draft_beside` gives."""
    return _DRAFT.fullmatch(name.rpartition("/")[2]) is not None


def is_repository(directory: Path) -> bool:
    """Return whether a directory is, or claims to be, the checkout of a repository of its own."""
    return os.path.lexists(directory / ".git")


def files_of(root: Path) -> Iterator[str]:
    """Yield the names of all files of a repository inside of the checkout, tracked or not, ignored ones left out."""
    for name in git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split(b"\0"):
        if name:
            yield os.fsdecode(name)


def under_way(root: Path) -> str:
    """Return what was begun in a checkout and not finished, like ``a merge``; empty when nothing was."""
    private = root / os.fsdecode(git(root, "rev-parse", "--git-dir").rstrip(b"\n"))
    return operation_under_way(private)


def index_of(root: Path) -> Path:
    """Return the file that is the checkout's index."""
    return root / os.fsdecode(git(root, "rev-parse", "--git-path", "index").rstrip(b"\n"))


def index_copy(root: Path, place: Path) -> Path:
    """Copy the checkout's index into the directory ``place``, so that git may write to the copy; return its path."""
    index = index_of(root)
    copy = place / "staged"
    try:
        copy.write_bytes(index.read_bytes())
    except OSError as error:
        raise HookError(f"cannot read {index}: {error.strerror or error}") from error
    return copy
