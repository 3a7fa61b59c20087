"""Make a clone, whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from rouser import GitFailedError, HookError
from rouser_clone.git import git
from rouser_clone.places import Record, beside, write_record
from rouser_clone.source import HEADS, Source

REMOTE: Final = "rouser-source"
"""The remote of a clone that is the repository that it was made from."""

_ATTEMPTS: Final = 3
# What people have set for one repository and expect wherever they work on it: who they are, what they sign with, how
# files are converted, and how its remotes are reached.
_TAKEN_OVER: Final = re.compile(
    r"(user|author|committer|commit|gpg|tag|filter|lfs|diff|merge|credential|url|http|push|pull)\..*"
    r"|core\.(autocrlf|eol|safecrlf|sshcommand|hookspath|commentchar|filemode|ignorecase|precomposeunicode)"
)


def clone(source: Source, path: Path, record: Record, start: str, held: int) -> None:
    """Clone ``source`` to ``path`` with ``record.branch`` checked out, and write the record.

    The clone is made beside ``path`` and moved there when it is complete, so that what is at ``path`` always is.

    :param start: the commit or ref that the branch begins at; empty: where the source has it.
    :param held: the descriptor of the lock on ``path``.
    :raises HookError: git failed or did not end in time; nothing is left behind.
    """
    fresh = beside(path, "new")
    remove_tree(fresh)
    try:
        _copy(source, fresh, held)
        _take_over_settings(source, fresh, record.branch)
        _check_out(fresh, record.branch, start, held)
        write_record(path, record)
        if path.is_dir() and not path.is_symlink():
            path.rmdir()  # it is empty, or somebody else's by now
        fresh.rename(path)
    except OSError as error:
        remove_tree(fresh)
        raise HookError(f"{path} could not be made: {error.strerror or error}") from error
    except BaseException:
        remove_tree(fresh)
        raise


def holds_something(path: Path) -> bool:
    """Return whether there is anything at ``path`` but an empty directory."""
    return os.path.lexists(path) and (path.is_symlink() or not path.is_dir() or any(path.iterdir()))


def remove_tree(path: Path) -> None:
    """Remove a directory and what is in it, if it is there."""
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise HookError(
            f"{error.filename or path} could not be removed: {error.strerror or error}; remove {path} by hand"
        ) from error


def _copy(source: Source, fresh: Path, held: int) -> None:
    """Clone without files, and with the source's remotes as they were last fetched there.

    ``--local`` is what git does with a path anyway, but given by name it would fail where files cannot be linked.
    """
    for attempt in range(_ATTEMPTS):
        try:
            options = ("--no-checkout", "--quiet", "--origin", REMOTE)
            git(fresh.parent, "clone", *options, "--", str(source.common), str(fresh), held=held)
            break
        except GitFailedError as error:  # files vanish while another git packs them
            remove_tree(fresh)
            if attempt == _ATTEMPTS - 1 or "No such file" not in str(error):
                raise
    own = [f"+refs/remotes/{name}/*:refs/remotes/{name}/*" for name in source.remotes() if name != REMOTE]
    if own:
        git(fresh, "fetch", "--quiet", "--no-tags", REMOTE, *own, held=held)


def _take_over_settings(source: Source, fresh: Path, branch: str) -> None:
    for key, value in _settings(source, branch):
        git(fresh, "config", "--add", key, value)
    exclude = source.common / "info" / "exclude"
    with suppress(FileNotFoundError, NotADirectoryError):
        (fresh / ".git" / "info").mkdir(exist_ok=True)
        shutil.copyfile(exclude, fresh / ".git" / "info" / "exclude")


def _settings(source: Source, branch: str) -> Iterator[tuple[str, str]]:
    home = source.common.parent if source.common.name == ".git" else source.common
    for entry in git(source.common, "config", "--local", "--includes", "--list", "-z").split("\0"):
        key, _, value = entry.partition("\n")
        section, _, rest = key.partition(".")
        name, _, variable = rest.rpartition(".")
        is_taken = _TAKEN_OVER.fullmatch(key) or (section == "branch" and name == branch)
        if section == "remote" and name != REMOTE:
            is_taken = True
            if variable in {"url", "pushurl"} and value.startswith(("./", "../")):
                value = str((home / value).resolve())
        if is_taken:
            yield key, value


def _check_out(fresh: Path, branch: str, start: str, held: int) -> None:
    origin = start or f"refs/remotes/{REMOTE}/{branch}"
    git(fresh, "update-ref", f"{HEADS}{branch}", git(fresh, "rev-parse", "--verify", f"{origin}^{{commit}}"))
    git(fresh, "symbolic-ref", "HEAD", f"{HEADS}{branch}")
    for other in git(fresh, "for-each-ref", "--format=%(refname)", HEADS).split():
        if other != f"{HEADS}{branch}":  # the branch that the source has checked out, which git clone makes too
            git(fresh, "update-ref", "-d", other)
    git(fresh, "checkout", "--quiet", "--force", branch, "--", held=held)
