"""The commits that snapshots are: how they are made, and what their messages say."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rouser.errors import HookError
from rouser.git_snapshots.checkout import Checkout, Entry, index_copy
from rouser.git_snapshots.running import git, word
from rouser.models import Snapshot

_NOBODY: Final = {
    "GIT_AUTHOR_NAME": "rouser",
    "GIT_AUTHOR_EMAIL": "rouser@localhost",
    "GIT_COMMITTER_NAME": "rouser",
    "GIT_COMMITTER_EMAIL": "rouser@localhost",
}
_SHA1_DIGITS: Final = 40
_LONG_AGO: Final = {"GIT_AUTHOR_DATE": "@0 +0000", "GIT_COMMITTER_DATE": "@0 +0000"}
_FIELDS: Final = ("refname", "objectname", "objecttype", "committerdate:unix", "tree", "parent", "contents")
_FORMAT: Final = "".join(f"%({field})%00" for field in _FIELDS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A snapshot and the commit that it is.

    :ivar snapshot: what people are told of it.
    :ivar reference: the reference that holds it.
    :ivar tree: the tree of all files.
    :ivar parents: the commit that was checked out, if there was one; what was staged, if ``staged``; and commits that
        nothing else holds.
    :ivar staged: whether the second parent is what was staged.
    :ivar branch: the branch that was checked out. None: none was.
    """

    snapshot: Snapshot
    reference: str
    tree: str
    parents: tuple[str, ...]
    staged: bool
    branch: str | None

    @property
    def head(self) -> str | None:
        """The commit that was checked out; None when there was none yet."""
        return self.parents[0] if self.parents else None

    @property
    def index(self) -> str | None:
        """The commit whose tree is what was staged; None when nothing else than ``head`` was."""
        return self.parents[1] if self.staged and len(self.parents) > 1 else None


def list_kept(home: Path, prefix: str) -> list[Kept]:
    """Return the snapshots below the reference ``prefix``, newest first."""
    output = git(home, f"--git-dir={home}", "for-each-ref", f"--format={_FORMAT}", prefix)
    words = output.split(b"\0")
    found = []
    for start in range(0, len(words) - len(_FIELDS), len(_FIELDS)):
        reference, commit, kind, at, tree, parents, message = map(os.fsdecode, words[start : start + len(_FIELDS)])
        reference = reference.strip("\n")
        number = reference.removeprefix(prefix)
        if kind != "commit" or not number.isdecimal():
            continue
        said = _read_message(message)
        found.append(
            Kept(
                snapshot=Snapshot(
                    number=int(number),
                    commit=commit,
                    at=datetime.fromtimestamp(int(at or 0), UTC),
                    reason=str(said.get("reason", "")),
                    files=_number(said.get("files")),
                    bytes=_number(said.get("bytes")),
                    left_out=tuple(map(str, said.get("left_out", ()))),
                ),
                reference=reference,
                tree=tree,
                parents=tuple(parents.split()),
                staged=bool(said.get("staged")),
                branch=said.get("branch"),
            )
        )
    return sorted(found, key=lambda kept: kept.snapshot.number, reverse=True)


def write_tree(root: Path, seen: Checkout, entries: Mapping[str, Entry | None], place: Path) -> str:
    """Return the tree of ``HEAD`` with other entries in it, through an index in the directory ``place``."""
    gone = [name for name, entry in entries.items() if entry is None]
    # Removals first: a file may have become a directory, or the other way round.
    nothing = "0" * (len(seen.head) if seen.head else _SHA1_DIGITS)
    lines = [f"0 {nothing}\t{name}\0" for name in gone]
    lines += [f"{entry.mode} {entry.blob}\t{name}\0" for name, entry in entries.items() if entry is not None]
    index = {"GIT_INDEX_FILE": str(place / "index")}
    if seen.head is not None:
        git(root, "read-tree", seen.head, variables=index)
    git(root, "update-index", "-z", "--index-info", stdin=os.fsencode("".join(lines)), variables=index)
    return word(root, "write-tree", variables=index)


def write_staged(root: Path, seen: Checkout, place: Path) -> str | None:
    """Return a commit of what is staged; None when that is what ``HEAD`` is, there is none, or there are conflicts.

    The same content gives the same commit, so that it can be seen whether anything has changed.

    :param place: a directory for a copy of the index.
    """
    if seen.head is None or not seen.staged or seen.unmerged:
        return None
    index = index_copy(root, place)
    tree = word(root, "write-tree", variables={"GIT_INDEX_FILE": str(index)})
    if tree == tree_of(root, seen.head):
        return None
    return commit_tree(root, tree, [seen.head], "What was staged\n", _LONG_AGO)


def tree_of(root: Path, commit: str | None) -> str:
    """Return the tree of a commit; the empty one for None."""
    if commit is None:
        return word(root, "hash-object", "-t", "tree", "--stdin")
    return word(root, "rev-parse", "--verify", f"{commit}^{{tree}}")


def commit_tree(
    root: Path, tree: str, parents: Sequence[str], message: str, dates: Mapping[str, str] | None = None
) -> str:
    """Write a commit and return its id; whoever is nobody to git can do that too."""
    words = [word for parent in parents for word in ("-p", parent)]
    variables = {**_NOBODY, **(dates or {})}
    commit = word(root, "commit-tree", *words, tree, stdin=message.encode(), variables=variables)
    if not commit.isalnum():
        raise HookError(f"git commit-tree says {commit[:80]!r}, which is no commit; check the git in PATH")
    return commit


def message_for(session_id: str, facts: Mapping[str, Any]) -> str:
    """Return a commit message: a line for people, and the facts as JSON, in ASCII."""
    subject = f"Snapshot of session {session_id[:8]}: {facts['reason']}"
    return f"{subject}\n\n{json.dumps({'session': session_id, **facts}, indent=1)}\n"


def _read_message(message: str) -> dict[str, Any]:
    subject, _, body = message.partition("\n\n")
    try:
        facts = json.loads(body)
    except ValueError:
        facts = None
    return facts if isinstance(facts, dict) else {"reason": subject}


def _number(value: Any) -> int:
    return value if isinstance(value, int) and value >= 0 else 0
