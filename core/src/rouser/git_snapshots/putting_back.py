"""Puts the work of a snapshot back into a checkout, file by file, and never over what it does not know."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from rouser.errors import HookError
from rouser.git_snapshots.checkout import Checkout, Entry, draft_beside, look
from rouser.git_snapshots.commits import Kept, tree_of, write_tree
from rouser.git_snapshots.content import is_gitlink, store_content
from rouser.git_snapshots.policy import SnapshotPolicy
from rouser.git_snapshots.running import git, word
from rouser.git_snapshots.staging import stage

_BATCH_BYTES: Final = 32 * 1024**2
_LINK: Final = "120000"
_EXECUTABLE: Final = "100755"


class _Change(NamedTuple):
    old: Entry | None
    new: Entry | None


def put_back(root: Path, kept: Kept, policy: SnapshotPolicy, place: Path, *, overwrite: bool) -> list[str]:
    """Make the files that a snapshot had as uncommitted work what they were, byte for byte; run no filter.

    A file that is what the snapshot's ``HEAD`` or index had is replaced. One that has changed otherwise is replaced
    if ``overwrite``. A directory is never removed for a file, nor what stands where a directory has to be. What was
    staged is staged again where the index is that of the commit that was checked out then.

    :param place: a directory for what git needs meanwhile.
    :returns: the names that were left as they are.
    :raises HookError: git fails, or the disk says no; what was put back by then stays, and the rest can follow later.
    """
    base = tree_of(root, kept.head)
    seen = look(root, policy)
    present = write_tree(root, seen, store_content(root, seen, policy, place).entries, place)
    wanted = _changes(root, base, kept.tree)
    since = _changes(root, base, present)
    staged = _changes(root, base, tree_of(root, kept.index)) if kept.index else {}
    empty = word(root, "hash-object", "--stdin") if seen.announced else ""
    left, taken = [], {}
    for name, change in wanted.items():
        now = since[name].new if name in since else change.old
        if name in seen.announced and now is not None and now.blob == empty:
            now = None  # a worktree that is filled from an index gets an empty file for what the index only announces
        known = {change.old, staged[name].new if name in staged else change.old}
        if now == change.new or (is_gitlink(change.old) and change.new is None):
            continue
        if overwrite or now in known:
            taken[name] = change.new
        else:
            left.append(name)
    try:
        for draft in seen.drafts:
            (root / draft).unlink(missing_ok=True)
        left += _write(root, taken)
    except OSError as error:
        raise HookError(f"{error.filename or root}: {error.strerror or error}; try again") from error
    if kept.index is not None and seen.head == kept.head and _index_is_plain(seen):
        with suppress(HookError):  # an index that is locked by somebody at work stays as it is; the files are back
            stage(root, kept.index, place)
    return sorted(left)


def _index_is_plain(seen: Checkout) -> bool:
    return not seen.staged and not seen.unmerged


def _changes(root: Path, old: str, new: str) -> dict[str, _Change]:
    output = git(root, "diff-tree", "-r", "-z", "--no-renames", "--raw", "--full-index", old, new)
    words = iter(os.fsdecode(output).split("\0"))
    found = {}
    for change in words:
        if change:
            old_mode, new_mode, old_blob, new_blob, _ = change.removeprefix(":").split(" ")
            found[next(words)] = _Change(_entry(old_mode, old_blob), _entry(new_mode, new_blob))
    return found


def _entry(mode: str, blob: str) -> Entry | None:
    return Entry(mode, blob) if mode.strip("0") else None


def _write(root: Path, taken: Mapping[str, Entry | None]) -> list[str]:
    """Write and remove files; return the names of those that something is in the way of."""
    left = []
    for name, entry in taken.items():
        if entry is None and not _remove(root, name):
            left.append(name)
    entries = {name: entry for name, entry in taken.items() if entry is not None}
    for name, data in _contents(root, entries):
        if not _place(root, name, entries[name].mode, data):
            left.append(name)
    return left


def _contents(root: Path, entries: Mapping[str, Entry]) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents, some megabytes at a time."""
    blobs = [entry.blob for entry in entries.values()]
    listed = git(root, "cat-file", "--batch-check=%(objectsize)", stdin="".join(f"{blob}\n" for blob in blobs).encode())
    batch: list[str] = []
    room = _BATCH_BYTES
    for name, size in zip(entries, map(_size, listed.split(b"\n")), strict=False):
        if batch and size > room:
            yield from _read(root, entries, batch)
            batch, room = [], _BATCH_BYTES
        batch.append(name)
        room -= size
    yield from _read(root, entries, batch)


def _size(line: bytes) -> int:
    if not line.isdigit():
        words = line[:80].decode("ascii", "replace")
        raise HookError(f"a file of the snapshot is missing from the repository: {words}")
    return int(line)


def _read(root: Path, entries: Mapping[str, Entry], names: list[str]) -> Iterator[tuple[str, bytes]]:
    if not names:
        return
    data = git(root, "cat-file", "--batch", stdin="".join(f"{entries[name].blob}\n" for name in names).encode())
    at = 0
    for name in names:
        end = data.index(b"\n", at)
        size = _size(data[at:end].split(b" ")[-1])
        yield name, data[end + 1 : end + 1 + size]
        at = end + 1 + size + 1


def _remove(root: Path, name: str) -> bool:
    path = root / name
    if not os.path.lexists(path):
        return True
    if path.is_dir() and not path.is_symlink():
        return False
    path.unlink()
    for directory in path.parents:
        if directory == root:
            break
        try:
            directory.rmdir()  # as git does with a directory that has nothing left in it
        except OSError:
            break
    return True


def _place(root: Path, name: str, mode: str, data: bytes) -> bool:
    """Write a file or link whole or not at all; return False when something is in the way."""
    path = root / name
    if path.is_dir() and not path.is_symlink():
        return False
    directory = root
    for part in Path(name).parent.parts:
        directory /= part
        if directory.is_symlink() or (os.path.lexists(directory) and not directory.is_dir()):
            return False
        directory.mkdir(exist_ok=True)
    fresh = draft_beside(path)
    try:
        if mode == _LINK:
            fresh.symlink_to(os.fsdecode(data))
        else:
            bits = 0o777 if mode == _EXECUTABLE else 0o666
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, bits)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    return True
