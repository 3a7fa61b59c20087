"""Run one git process to its end, or to the end of the time it has."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, NamedTuple

from rouser import ChildProcess, HookError, time_left

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
_TERM_GRACE: Final = 0.5
_KILL_GRACE: Final = 0.2
_TO_END: Final = 0.8


class Finished(NamedTuple):
    """How a process ended and what it printed."""

    status: int
    output: str
    errors: str


class GitTimeoutError(HookError):
    """A git process did not end in time; it was ended, and its children with it."""


def run(
    command: Sequence[str],
    directory: Path,
    seconds: float,
    inherited: Sequence[int] = (),
    *,
    stdin: bytes = b"",
    variables: Mapping[str, str] | None = None,
) -> Finished:
    """Run ``command`` and return how it ended.

    The process leads a process group. When the time runs out the whole group is ended, first with SIGTERM,
    upon which git removes its lock files, so that a hook that git waits for does not survive it. Output goes
    to files and not to pipes: a background process that a hook leaves running on purpose would hold a
    pipe open long after git has ended.

    :param command: the argv; its first element is looked up in ``PATH``.
    :param directory: the absolute path of an existing directory to run in.
    :param seconds: how long it may take, more than 0.
    :param inherited: file descriptors that the process keeps open.
    :param stdin: what it reads.
    :param variables: added to its environment.
    :raises GitTimeoutError: it took longer.
    :raises HookError: it could not be started.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as given:
        given.write(stdin)
        given.seek(0)
        try:
            process = ChildProcess(
                command,
                cwd=directory,
                env={**environment(), **(variables or {})},
                stdin=given,
                stdout=output,
                stderr=errors,
                start_new_session=True,
                pass_fds=inherited,
            )
        except FileNotFoundError as error:
            if directory.is_dir():
                raise HookError(f"{command[0]} is not installed, or not on PATH: install git") from error
            raise HookError(f"{directory} is not there") from error
        except OSError as error:
            raise HookError(f"{command[0]} could not be started in {directory}: {error.strerror}") from error
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            _end_group(process)
            raise GitTimeoutError(
                f"{spoken(command)} was still running in {directory} after {seconds:.3g} s and was ended"
            ) from error
        except BaseException:
            _end_group(process)
            raise
        return Finished(status, _text(output), _text(errors))


def seconds_for_git(reserve: float = 0.0) -> float:
    """Return how long a git process may take: what the hook has left, less what it takes to end and report it.

    :param reserve: seconds to keep for more than that.
    """
    left = time_left()
    return max(left / 2, left - _TO_END - reserve)


def environment() -> dict[str, str]:
    """Return the environment that git gets: the caller's, unattended, and bound to no repository."""
    result = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER_REPOSITORY}
    # LC_ALL would overrule LC_MESSAGES; what it says of characters is kept, since git's hooks inherit it.
    if everything := result.pop("LC_ALL", None):
        result["LC_CTYPE"] = everything
    return result | _UNATTENDED


def spoken(command: Sequence[str]) -> str:
    """Return the command as people name it: ``git`` and the subcommand, without options and paths."""
    settings = {index + 1 for index, word in enumerate(command) if word == "-c"}
    words = [word for index, word in enumerate(command) if index and index not in settings and word[:1] != "-"]
    length = 2 if words[:1] == ["worktree"] else 1
    return " ".join(["git", *words[:length]])


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


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return os.fsdecode(file.read())
