"""Run git for workspace plugins: unattended, bound to no repository of the caller's, in the time there is."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from rouser.child import ChildProcess
from rouser.deadline import time_left
from rouser.errors import HookError

MINIMUM: Final = (2, 30)
"""The oldest git that will do: ``rev-parse --verify --end-of-options`` came right with 2.30."""

# What `git rev-parse --local-env-vars` lists, without GIT_CONFIG_COUNT: people set that one on purpose. A command
# that a git hook starts inherits these, and they would point git at the repository of that hook.
_OF_ANOTHER_REPOSITORY: Final = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_CONFIG",
        "GIT_CONFIG_PARAMETERS",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_INTERNAL_SUPER_PREFIX",
        "GIT_NAMESPACE",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_QUARANTINE_PATH",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)
_UNATTENDED: Final = {
    "GIT_EDITOR": ":",
    "GIT_OPTIONAL_LOCKS": "0",  # to look at a worktree must not take its index lock from whoever works there
    "GIT_PAGER": "cat",
    "GIT_SEQUENCE_EDITOR": ":",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_MESSAGES": "C",
}
_UNDER_WAY: Final = {
    "MERGE_HEAD": "a merge",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "BISECT_LOG": "a bisection",
}
_ATTEMPTS: Final = 8
_PAUSE: Final = 0.05
# A lock that is held, or the entry of a worktree that another git is adding or removing: whatever lists the worktrees
# meanwhile finds an entry that is not all there, and gives up (seen with git 2.39).
_COLLISION: Final = (
    r"\.lock': File exists|could not lock config file|failed to read .*/commondir: "
    r"|Invalid path '.*/worktrees/[^/]*': No such file|could not create directory of '.*/worktrees/"
)
_TELLING: Final = ("fatal:", "error:")
_TERM_GRACE: Final = 0.5
_KILL_GRACE: Final = 0.2
_TO_END: Final = 0.8


class GitFailedError(HookError):
    """A git command ended with a status other than 0; as text, one line that says why.

    :ivar status: that status; below 0 it is the number of the signal that ended it.
    :ivar output: what it printed nevertheless.
    :ivar errors: the whole of its error output.
    """

    def __init__(self, arguments: Sequence[str], status: int, output: bytes, errors: bytes) -> None:
        text = os.fsdecode(errors)
        super().__init__(f"{_spoken(arguments)} failed: {_essence(text) or f'exit status {status}'}")
        self.status = status
        self.output = output
        self.errors = text

    @property
    def explained(self) -> bool:
        """Whether git itself said what is wrong; where a hook fails it says nothing."""
        return any(line.startswith(_TELLING) for line in self.errors.splitlines())

    @property
    def collided(self) -> bool:
        """Whether it failed for what another git was doing at that moment, and so did nothing."""
        import re  # what goes well needs none

        return re.search(_COLLISION, self.errors) is not None


class GitTimeoutError(HookError):
    """A git command did not end in time; it was ended, and its children with it."""


def run_git(
    directory: Path,
    arguments: Sequence[str],
    stdin: bytes = b"",
    variables: Mapping[str, str] | None = None,
    *,
    reserve: float = 0.0,
    inherited: Sequence[int] = (),
) -> bytes:
    """Run ``git`` with ``arguments`` in ``directory`` and return what it prints.

    It may take as long as the hook has left, less what it takes to end it and report that. It leads a process group,
    which is ended then, first with SIGTERM, upon which git removes its lock files, so that a hook of the
    repository that git waits for does not survive it. Output goes to files and not to pipes: a background process
    that such a hook leaves running on purpose would hold a pipe open long after git has ended.

    It is run again, up to seven times, while it fails for what another git is doing at this moment.

    :param directory: the absolute path of an existing directory to run in.
    :param stdin: what it reads.
    :param variables: added to its environment, which is the caller's less what names another repository, so that
        git asks nobody, starts no pager and no editor, and speaks English.
    :param reserve: seconds of the hook's time to keep for more than that.
    :param inherited: file descriptors that the process keeps open.
    :raises GitFailedError: it ended with a status other than 0.
    :raises GitTimeoutError: it took longer.
    :raises HookError: it could not be started.
    """
    for number in range(1, _ATTEMPTS):
        try:
            return _run_once(directory, arguments, stdin, variables, reserve, inherited)
        except GitFailedError as error:
            if not error.collided:
                raise
        time.sleep(min(_PAUSE * number, time_left() / 4))
    return _run_once(directory, arguments, stdin, variables, reserve, inherited)


def require_git() -> str:
    """Return the version of the git in ``PATH``, like ``2.39.5``.

    :raises HookError: there is none, it hangs, it is older than :data:`MINIMUM`, or it says something else.
    """
    said = os.fsdecode(run_git(Path("/"), ["version"])).strip()
    version = (said.removeprefix("git version ").split() or [""])[0]
    numbers = tuple(int(part) for part in version.split(".") if part.isdigit())
    if not said.startswith("git version ") or not numbers:
        raise HookError(f"`git version` says {said[:80]!r}, which names no version; check the git in PATH")
    if numbers < MINIMUM:
        raise HookError(f"git {version} is too old; install {'.'.join(map(str, MINIMUM))} or later")
    return version


def operation_under_way(git_directory: Path) -> str:
    """Return what was begun and not finished in a checkout, like ``a merge``; empty for nothing.

    :param git_directory: what ``git rev-parse --git-dir`` prints in the checkout.
    """
    return next((what for file, what in _UNDER_WAY.items() if (git_directory / file).exists()), "")


def _run_once(
    directory: Path,
    arguments: Sequence[str],
    stdin: bytes,
    variables: Mapping[str, str] | None,
    reserve: float,
    inherited: Sequence[int],
) -> bytes:
    seconds = _seconds(reserve)
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as given:
        given.write(stdin)
        given.seek(0)
        try:
            process = ChildProcess(
                ["git", *arguments],
                cwd=directory,
                env={**_environment(), **(variables or {})},
                stdin=given,
                stdout=output,
                stderr=errors,
                start_new_session=True,
                pass_fds=inherited,
            )
        except FileNotFoundError as error:
            if directory.is_dir():
                raise HookError("git is not installed, or not on PATH: install git") from error
            raise HookError(f"{directory} is not there") from error
        except OSError as error:
            raise HookError(f"git could not be started in {directory}: {error.strerror}") from error
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise GitTimeoutError(
                f"{_spoken(arguments)} was still running in {directory} after {seconds:.3g} s and was ended"
            ) from error
        finally:
            if process.returncode is None:
                _end_group(process)
        if status:
            raise GitFailedError(arguments, status, _content(output), _content(errors))
        return _content(output)


def _seconds(reserve: float) -> float:
    left = time_left()
    return max(left / 2, left - _TO_END - reserve)


def _environment() -> dict[str, str]:
    # A look-up for each, as another thread may remove one meanwhile.
    names = (name for name in list(os.environ) if name not in _OF_ANOTHER_REPOSITORY)
    result = {name: value for name in names if (value := os.environ.get(name)) is not None}
    # LC_ALL would overrule LC_MESSAGES; what it says of characters is kept, since git's hooks inherit it.
    if everything := result.pop("LC_ALL", None):
        result["LC_CTYPE"] = everything
    return result | _UNATTENDED


def _spoken(arguments: Sequence[str]) -> str:
    """Return the command as people name it: ``git`` and the subcommand, without options and paths."""
    settings = {index + 1 for index, word in enumerate(arguments) if word == "-c"}
    words = [word for index, word in enumerate(arguments) if index not in settings and word[:1] != "-"]
    length = 2 if words[:1] == ["worktree"] else 1
    return " ".join(["git", *words[:length]])


def _essence(errors: str) -> str:
    """Return what git says first is wrong, which names the cause, behind what it could not do for that."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(_TELLING)] or lines[-1:] or [""]
    first, last = (line.removeprefix("fatal: ").removeprefix("error: ") for line in (telling[0], telling[-1]))
    return f"{last.rstrip('.')} ({first.rstrip('.')})" if first != last and telling[-1].startswith("fatal:") else first


def _end_group(leader: subprocess.Popen[bytes]) -> None:
    for number, grace in ((signal.SIGTERM, _TERM_GRACE), (signal.SIGKILL, _KILL_GRACE)):
        with suppress(ProcessLookupError):
            os.killpg(leader.pid, number)
        if _group_is_gone(leader, time.monotonic() + grace):
            return


def _group_is_gone(leader: subprocess.Popen[bytes], deadline: float) -> bool:
    while time.monotonic() < deadline:
        leader.poll()
        try:
            os.killpg(leader.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # macOS says so of a group that has only zombies left
            return leader.returncode is not None
        time.sleep(0.01)
    return False


def _content(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()
