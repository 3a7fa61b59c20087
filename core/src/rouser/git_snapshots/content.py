"""Puts the files of a checkout into the object store, byte for byte, whatever filters the repository asks for."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rouser.errors import HookError
from rouser.git_snapshots.checkout import GITLINK, Checkout, Entry, files_of, is_draft, is_repository
from rouser.git_snapshots.policy import SnapshotPolicy
from rouser.git_snapshots.running import git

_ATTEMPTS: Final = 5
_ESCAPED: Final = {ord("\\"): "\\\\", ord('"'): '\\"', ord("\n"): "\\n"}


@dataclass(slots=True)
class Content:
    """What of a checkout goes into a snapshot.

    :ivar entries: what there is under each name that differs from ``HEAD``; None: nothing.
    :ivar bytes: the size of the files in it.
    :ivar left_out: what of the checkout is not in it, and why, a line each.
    """

    entries: dict[str, Entry | None] = field(default_factory=dict)
    bytes: int = 0
    left_out: list[str] = field(default_factory=list)


def store_content(root: Path, seen: Checkout, policy: SnapshotPolicy, place: Path) -> Content:
    """Write every changed file of a checkout as a blob, and return the entries for a tree.

    The content is taken as it is on the disk: no filter is run, and no line end converted. Of a repository inside of
    the checkout, a submodule for instance, the files are taken in place of the commit, which is not to be had here.

    :param place: a directory for what git has to read from files.
    :raises HookError: the object store cannot be written to, or files keep vanishing while they are read.
    """
    for attempt in range(_ATTEMPTS):
        try:
            return _store(root, seen, policy, place)
        except HookError:
            # An agent is at work, and removes what it has just made.
            if attempt == _ATTEMPTS - 1 or all(os.path.lexists(root / name) for name in seen.changed):
                raise
    raise AssertionError("the last attempt returns or raises")


def _store(root: Path, seen: Checkout, policy: SnapshotPolicy, place: Path) -> Content:
    content = Content(left_out=[f"{name}: ignored" for name in seen.ignored])
    files: dict[str, str] = {}
    links: dict[str, str] = {}
    for name in _expanded(root, seen, content):
        try:
            status = (root / name).lstat()
        except (FileNotFoundError, NotADirectoryError):
            content.entries.setdefault(name, seen.changed.get(name))
            continue
        if stat.S_ISLNK(status.st_mode):
            links[name] = os.readlink(root / name)  # noqa: PTH115 - Path tidies what the link says
        elif not stat.S_ISREG(status.st_mode):
            content.left_out.append(f"{name}: neither a file nor a link")
        elif status.st_size > policy.max_file_size:
            content.left_out.append(f"{name}: {status.st_size} bytes, more than {policy.max_file_size}")
        elif not os.access(root / name, os.R_OK):
            content.left_out.append(f"{name}: may not be read")
        else:
            content.bytes += status.st_size
            files[name] = "100755" if status.st_mode & stat.S_IXUSR else "100644"
    blobs = _hashed(root, files)
    content.entries |= {name: Entry(mode, blob) for (name, mode), blob in zip(files.items(), blobs, strict=True)}
    content.entries |= _linked(root, links, place)
    return content


def _expanded(root: Path, seen: Checkout, content: Content) -> Iterable[str]:
    """Yield the names of files, with those of the repositories inside of the checkout in place of these."""
    todo = list(seen.changed)
    while todo:
        name = todo.pop()
        place = root / name
        if place.is_symlink() or not place.is_dir():
            yield name
            continue
        inner = name.rstrip("/")
        if not is_repository(place):
            content.entries.setdefault(inner, None)
            continue
        content.entries[inner] = None
        content.left_out.append(f"{inner}: a repository of its own, of which files are kept, but no commits")
        todo += [f"{inner}/{found}" for found in files_of(place) if not is_draft(found)]


def _hashed(root: Path, files: Iterable[str]) -> list[str]:
    names = "".join(f"{_quoted(name)}\n" for name in files)
    if not names:
        return []
    output = git(root, "hash-object", "-w", "--no-filters", "--stdin-paths", stdin=os.fsencode(names))
    return output.decode("ascii").split()


def _linked(root: Path, links: dict[str, str], place: Path) -> dict[str, Entry]:
    """Store where symbolic links point: ``hash-object`` would follow them, so it is given files that say so."""
    if not links:
        return {}
    paths = [place / str(number) for number in range(len(links))]
    for path, target in zip(paths, links.values(), strict=True):
        path.write_bytes(os.fsencode(target))
    blobs = _hashed(root, map(str, paths))
    return {name: Entry("120000", blob) for name, blob in zip(links, blobs, strict=True)}


def _quoted(name: str) -> str:
    """Return a name as git reads it from a list of lines."""
    return f'"{name.translate(_ESCAPED)}"' if "\n" in name or name.startswith('"') else name


def is_gitlink(entry: Entry | None) -> bool:
    """Return whether an entry names a commit of another repository."""
    return entry is not None and entry.mode == GITLINK
