"""Run git: unattended, bound to no repository of the caller's, and never longer than there is time."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from rouser import ChildProcess, HookError, time_left

# What `git rev-parse --local-env-vars` lists, without GIT_CONFIG_COUNT: people set that one on purpose.
_OF_ANOTHER_REPOSITORY: Final = re.compile(
    r"GIT_(ALTERNATE_OBJECT_DIRECTORIES|COMMON_DIR|CONFIG|CONFIG_PARAMETERS|DIR|GRAFT_FILE|IMPLICIT_WORK_TREE|INDEX_FILE"
    r"|INTERNAL_SUPER_PREFIX|NAMESPACE|NO_REPLACE_OBJECTS|OBJECT_DIRECTORY|PREFIX|QUARANTINE_PATH|REPLACE_REF_BASE"
    r"|SHALLOW_FILE|WORK_TREE)|LC_ALL"
)
_UNATTENDED: Final = {
    "GIT_EDITOR": ":",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_SEQUENCE_EDITOR": ":",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_MESSAGES": "C",
}
_RESERVE: Final = 5.0
_TERM_SECONDS: Final = 0.5


class GitFailedError(HookError):
    """A git command ended with a status other than 0.

    :ivar status: that status.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def git(directory: Path, *arguments: str, stdin: str = "", held: int | None = None) -> str:
    """Run a git command in ``directory`` and return what it prints as text, without the last line's end.

    :param held: a descriptor that it keeps open.
    :raises GitFailedError: it failed; why is in the message.
    :raises HookError: it could not be started, or did not end in time.
    """
    return os.fsdecode(run(directory, arguments, os.fsencode(stdin), held=held)).removesuffix("\n")


def run(
    directory: Path,
    arguments: tuple[str, ...],
    stdin: bytes = b"",
    variables: Mapping[str, str] | None = None,
    *,
    held: int | None = None,
) -> bytes:
    """Run a git command in ``directory`` and return what it prints; raises what :func:`git` raises.

    The command and what it starts, hooks for instance, are a process group, which is ended when the time runs out.

    :param variables: added to its environment.
    """
    settings = {index + 1 for index, word in enumerate(arguments) if word == "-c"}
    words = (word for index, word in enumerate(arguments) if index not in settings and not word.startswith("-"))
    name = f"git {next(words)}"
    seconds = max(time_left() / 2, time_left() - _RESERVE)
    # Files in place of pipes: what a hook leaves running on purpose would hold a pipe open after git has ended.
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
                pass_fds=() if held is None else (held,),
            )
        except OSError as error:
            raise HookError(f"git could not be started in {directory}: {error.strerror}; is it in PATH?") from error
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise HookError(f"{name} was still running in {directory} after {seconds:.3g} s and was ended") from None
        finally:
            if process.returncode is None:
                _end_group(process)
        output.seek(0)
        errors.seek(0)
        if status:
            raise GitFailedError(f"{name} failed: {_essence(os.fsdecode(errors.read())) or status}", status)
        return output.read()


def answer(directory: Path, *arguments: str) -> str | None:
    """Return what a git command prints; None when it ends with status 1 or 128: no, or no such thing."""
    try:
        return git(directory, *arguments)
    except GitFailedError as error:
        if error.status in {1, 128}:
            return None
        raise


def count(directory: Path, *arguments: str, stdin: str = "") -> int:
    """Return the number of commits that ``git rev-list`` finds.

    :raises HookError: it failed, or says something else.
    """
    said = git(directory, "rev-list", "--count", *arguments, stdin=stdin)
    if not said.isdecimal():
        raise HookError(f"git rev-list says {said[:80]!r}, which is no number; check the git in PATH")
    return int(said)


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not _OF_ANOTHER_REPOSITORY.fullmatch(name)}
    if everything := os.environ.get("LC_ALL"):  # it would overrule LC_MESSAGES; git's hooks inherit the rest
        kept["LC_CTYPE"] = everything
    return kept | _UNATTENDED


def _end_group(leader: subprocess.Popen[bytes]) -> None:
    """End a process group: by SIGTERM, upon which git removes its lock files, then by SIGKILL."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(leader.pid, number)
        give_up = time.monotonic() + _TERM_SECONDS
        while time.monotonic() < give_up:
            leader.poll()
            try:
                os.killpg(leader.pid, 0)
            except (ProcessLookupError, PermissionError):
                return
            time.sleep(0.01)


def _essence(errors: str) -> str:
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (telling or lines or [""])[-1].removeprefix("fatal: ").removeprefix("error: ")
