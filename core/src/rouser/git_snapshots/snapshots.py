"""The snapshots of one session: taken, listed, put back, dropped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rouser.errors import HookError
from rouser.git_snapshots.checkout import Checkout, look, under_way
from rouser.git_snapshots.commits import (
    Kept,
    commit_tree,
    list_kept,
    message_for,
    tree_of,
    write_staged,
    write_tree,
)
from rouser.git_snapshots.content import Content, store_content
from rouser.git_snapshots.policy import SnapshotPolicy
from rouser.git_snapshots.putting_back import put_back
from rouser.git_snapshots.running import git, word
from rouser.git_snapshots.scratch import remove_leftovers, scratch
from rouser.models import Snapshot, is_valid_name

_ATTEMPTS: Final = 50
_LISTED: Final = 100


class GitSnapshots:
    """Snapshots as commits under ``refs/rouser/SESSION/NUMBER``, whose first parent is what was checked out.

    Taking one touches neither index nor files nor stash nor reflog, locks no index, and runs no hook and no filter.

    :param home: the common directory of the repository that has the references.
    :param session_id: id of the session that they belong to.
    :param policy: what is left out.
    :param apart: whether checkouts are repositories of their own, whose snapshots are fetched to ``home``.
    """

    def __init__(
        self, home: Path, session_id: str, policy: SnapshotPolicy | None = None, *, apart: bool = False
    ) -> None:
        if not is_valid_name(session_id):
            raise HookError(f"session id {session_id!r} cannot name a reference")
        self._home: Final = home
        self._session_id: Final = session_id
        self._policy: Final = policy or SnapshotPolicy()
        self._apart: Final = apart
        self._prefix: Final = f"refs/rouser/{session_id}/"

    def kept(self) -> list[Kept]:
        """Return the snapshots and what git has of each, newest first."""
        return list_kept(self._home, self._prefix)

    def all(self) -> list[Snapshot]:
        """Return the snapshots, newest first."""
        return [kept.snapshot for kept in self.kept()]

    def take(self, checkout: Path, reason: str, also: Sequence[str] = ()) -> Snapshot | None:
        """Keep the work of a checkout that its ``HEAD`` does not have.

        :param reason: why, one line.
        :param also: commits that are to be kept with it.
        :returns: None when there is none, or no other than the newest snapshot has.
        :raises HookError: it could not be kept; no reference was made.
        """
        with scratch(self._home, self._session_id) as place:
            return self._take(checkout, reason, also, place)

    def _take(self, root: Path, reason: str, also: Sequence[str], place: Path) -> Snapshot | None:
        seen = look(root, self._policy)
        content = store_content(root, seen, self._policy, place)
        tree = write_tree(root, seen, content.entries, place)
        staged = write_staged(root, seen, place)
        parents = [commit for commit in (seen.head, staged) if commit is not None]
        parents += [commit for commit in dict.fromkeys(also) if commit not in parents]
        newest = next(iter(self.kept()), None)
        if newest is None and len(parents) == 1 and self._is_clean(root, seen, tree):
            return None
        commit = ""
        for _ in range(_ATTEMPTS):
            if newest is not None and (newest.tree, list(newest.parents)) == (tree, parents):
                return None
            if not commit:
                facts = self._facts(root, seen, content, reason, staged=staged is not None)
                commit = commit_tree(root, tree, parents, message_for(self._session_id, facts))
            number = 1 if newest is None else newest.snapshot.number + 1
            if self._publish(root, number, commit):
                return next(kept.snapshot for kept in self.kept() if kept.snapshot.number == number)
            newest = next(iter(self.kept()), None)
        raise HookError(f"{_ATTEMPTS} other snapshots of session {self._session_id[:8]} were taken meanwhile")

    def put_back(self, checkout: Path, number: int, *, overwrite: bool) -> list[str]:
        """Put the work of a snapshot into a checkout; see :func:`rouser.git_snapshots.putting_back.put_back`.

        :raises HookError: there is no such snapshot, or the disk says no.
        """
        kept = self._get(number)
        if self._apart:
            git(checkout, "fetch", *_FETCH, "--", str(self._home), kept.reference)
        with scratch(self._home, self._session_id) as place:
            return put_back(checkout, kept, self._policy, place, overwrite=overwrite)

    def drop(self, number: int) -> None:
        """Forget a snapshot; one that is not there is no error."""
        reference = f"{self._prefix}{number}"
        with scratch(self._home, self._session_id):
            git(self._home, f"--git-dir={self._home}", "update-ref", "-d", reference)

    def tidy(self) -> None:
        """Remove what those left who were killed at snapshots, or told no by the disk, and nothing of who is at work.

        :raises OSError: the disk says no.
        """
        remove_leftovers(self._home, self._session_id)

    def lost_tip(self, branch: str) -> str | None:
        """Return the commit that a branch was last seen at when a snapshot was taken; None when none was."""
        return next((kept.head for kept in self.kept() if kept.branch == branch and kept.head is not None), None)

    def _get(self, number: int) -> Kept:
        found = self.kept()
        for kept in found:
            if kept.snapshot.number == number:
                return kept
        there = ", ".join(str(kept.snapshot.number) for kept in found) or "none"
        raise HookError(f"session {self._session_id[:8]} has no snapshot {number}; there are: {there}")

    def _is_clean(self, root: Path, seen: Checkout, tree: str) -> bool:
        """Return whether nothing would be lost with a checkout whose only commit of interest is its ``HEAD``."""
        if seen.branch is None or tree != tree_of(root, seen.head):
            return False
        return not self._apart or self._has(str(seen.head))

    def _has(self, commit: str) -> bool:
        """Return whether a branch or tag of the home repository has a commit."""
        try:
            wanted = ("for-each-ref", "--count=1", f"--contains={commit}", "refs/heads", "refs/remotes", "refs/tags")
            return bool(word(self._home, f"--git-dir={self._home}", *wanted))
        except HookError:  # it does not even know it
            return False

    def _facts(self, root: Path, seen: Checkout, content: Content, reason: str, *, staged: bool) -> dict[str, object]:
        left_out = content.left_out[:_LISTED]
        if len(content.left_out) > _LISTED:
            left_out.append(f"and {len(content.left_out) - _LISTED} more")
        if unfinished := under_way(root):
            left_out.insert(0, f"{unfinished} is not finished: the files are kept, but not that")
        return {
            "reason": " ".join(reason.split())[:200],
            "branch": seen.branch,
            "staged": staged,
            "files": len(content.entries),
            "bytes": content.bytes,
            "left_out": left_out,
        }

    def _publish(self, root: Path, number: int, commit: str) -> bool:
        """Make the reference; return False when there is one of that name already: its creation decides."""
        reference = f"{self._prefix}{number}"
        arguments = ["update-ref", reference, commit, "0" * len(commit)]
        if self._apart:
            arguments = ["fetch", *_FETCH, "--", str(root), f"{commit}:{reference}"]
        try:
            git(self._home, f"--git-dir={self._home}", *arguments)
        except HookError:
            if any(kept.snapshot.number == number for kept in self.kept()):
                return False
            raise
        return True


_FETCH: Final = (
    "--quiet",
    "--no-tags",
    "--no-prune",
    "--no-write-fetch-head",
    "--no-recurse-submodules",
    "--no-auto-maintenance",
)
