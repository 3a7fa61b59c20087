"""Hand an agent's argv and environment over to its pane, whole, and without showing them to anybody else.

tmux refuses command lines over some 16 kB and expands parts of them, and its ``-e`` shows values to everybody.
So the pane runs ``/bin/sh FILE``; the file is private, empties itself once it is read, and becomes the agent.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import stat
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rouser import HookError, state_directory
from rouser_tmux.inherited import Inherited
from rouser_tmux.processes import command_line

_SHELL_SECONDS: Final = 0.2
_SHELL: Final = "/bin/sh"
_FAILED: Final = "failed"
_LONGEST_FAILURE: Final = len(f"{_FAILED} 255\n")
_REASONS: Final = {"126": "cannot be executed", "127": "not found"}  # statuses that POSIX gives exec
_SWEEP_EVERY: Final = 1.0  # second: one of many creations finds nothing that the one before has left
_OF_THE_TERMINAL: Final = ("TERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "TMUX", "TMUX_PANE")
# To set or unset one of these ends one or another shell.
_OF_THE_SHELL: Final = frozenset({"BASHOPTS", "BASH_VERSINFO", "EUID", "OPTIND", "PPID", "SHELLOPTS", "UID"})
# These would lie about the pane, or are the shell's.
_LEFT_OUT: Final = _OF_THE_SHELL.union(_OF_THE_TERMINAL, ("LINES", "COLUMNS", "OLDPWD", "_"))

_swept: Final[dict[Path, float]] = {}
_found: Final[dict[tuple[str, str], str]] = {}  # where on a PATH a program was found last


def directory() -> Path:
    """Return the directory for launch files, made if need be: ours, and closed to everybody else.

    :raises HookError: there is something else in its place, or it cannot be made.
    """
    path = location()
    try:
        try:
            status = path.lstat()
        except FileNotFoundError:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = path.lstat()
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid():
            if status.st_mode & 0o077:
                path.chmod(0o700)
            return path
    except OSError as error:
        raise HookError(f"the directory {path} for launch files cannot be used: {error.strerror}") from error
    raise HookError(f"{path}, which is to hold launch files, is not a directory of yours: move it away")


def write(
    token: str, cwd: Path, command: Sequence[str], env: Mapping[str, str], inherited: Inherited | None = None
) -> Path:
    """Write the launch file of a runtime and return its path.

    :param inherited: what the pane will have in its environment, if that is known.
    :raises HookError: it cannot be written, or an argument or variable holds a NUL.
    """
    text = _script(cwd, command, env, inherited)
    path = directory() / f"{token}-{os.getpid()}.sh"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a Path cannot be told how to open
                file.write(text)
        except OSError:
            path.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise HookError(f"the launch file {path} cannot be written: {error.strerror}") from error
    return path


def argv(path: Path) -> list[str]:
    """Return what the pane must run."""
    return [_SHELL, str(path)]


def is_pending(path: Path, pid: int) -> bool:
    """Return whether the pane's process is still on its way to become the agent, or has failed at it."""
    # In this order: before it has read the file, its command line may still be that of the tmux server.
    return _size(path) > _LONGEST_FAILURE or os.fsencode(path) in command_line(pid).split(b"\0")


def has_failed(path: Path) -> bool:
    """Return whether the pane's process, which is no longer on its way, has not become the agent."""
    return _size(path) > 0


def why_failed(path: Path, program: str) -> str:
    """Return why the pane's process has not become ``program``, where what the shell printed about it was lost."""
    try:
        with path.open("rb") as file:
            said = file.read(_LONGEST_FAILURE).decode(errors="replace")
    except OSError:
        said = ""
    word, _, status = said.strip().partition(" ")
    if word != _FAILED or not status.isdecimal():
        return "its shell was killed"
    return f"exec: {program}: {_REASONS[status]}" if status in _REASONS else f"its shell ended with status {status}"


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - asked again and again
    except FileNotFoundError:
        return 0


def sweep() -> None:
    """Remove the launch files of commands that were killed; never raises.

    Not at once, since the shell that is to become the agent may be about to read one and remove it by itself. A
    server that hangs may run the shell much later; then it finds no agent.
    """
    place, own = location(), str(os.getpid())
    _swept[place] = time.monotonic()
    newest = time.time() - _SHELL_SECONDS
    with contextlib.suppress(OSError):
        for name in os.listdir(place):  # noqa: PTH208 - one of many creations has many files beside it
            creator = name.removesuffix(".sh").rpartition("-")[2]
            if creator == own or not creator.isdigit() or not name.endswith(".sh") or _runs(int(creator)):
                continue
            if (place / name).lstat().st_mtime < newest:
                (place / name).unlink(missing_ok=True)


def sweep_at_times() -> None:
    """Sweep, unless that was done a moment ago, as by the one before of many creations."""
    if time.monotonic() > _swept.get(location(), -math.inf) + _SWEEP_EVERY:
        sweep()


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def check(cwd: Path, command: Sequence[str], env: Mapping[str, str]) -> None:
    """Check what tmux would not: it reports success for a missing directory and for a missing program.

    :raises HookError: ``cwd`` is no directory, or no program is found through the ``PATH`` in ``env``.
    """
    if not command:
        raise HookError("the agent's command is empty")
    if not cwd.is_absolute() or not cwd.is_dir():
        raise HookError(f"the directory {cwd} does not exist")
    program = command[0]
    path = env.get("PATH", os.defpath)
    if not program or program.startswith("-") or not _is_found(cwd, path, program):
        where = "" if "/" in program else f" on PATH ({path})"
        raise HookError(f"no program {program!r} that can be executed{where}: install it, or mend the agent's settings")


def _is_found(cwd: Path, path: str, program: str) -> bool:
    """Return whether a program can be executed, its place on the ``PATH`` being where the last one of many found it."""
    if "/" in program:
        return _is_executable(cwd, program)
    known = _found.get((path, program))
    if known is not None and _is_executable(cwd, known, program):
        return True
    for place in path.split(os.pathsep):
        if _is_executable(cwd, place, program):
            _found[path, program] = place
            return True
    return False


def _is_executable(*parts: str | Path) -> bool:
    path = os.path.join(*parts)  # noqa: PTH118 - there may be many places on PATH
    try:
        return os.access(path, os.X_OK) and os.path.isfile(path)  # noqa: PTH113
    except ValueError:  # a NUL in it
        return False


def location() -> Path:
    """Return where launch files are, whether or not it is there yet."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime.startswith("/"):
        with contextlib.suppress(OSError):
            status = os.lstat(runtime)
            if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid():
                return Path(runtime, "rouser-tmux")
    return state_directory() / "launch"


def _script(cwd: Path, command: Sequence[str], env: Mapping[str, str], inherited: Inherited | None = None) -> bytes:
    """Return a script that both dash and bash take, byte for byte, and that does not fork.

    First it starts itself anew without the environment of the tmux server, which is nobody's wish; where it is known
    what that holds, to unset it will do. The rest is one compound command, so that the shell has read all of it when
    it empties the file. If it ends without becoming the agent, it writes so there; ``execfail`` is what bash needs
    for that.
    """
    exported = {
        name: value for name, value in env.items() if name.isascii() and name.isidentifier() and name not in _LEFT_OUT
    }
    lines = [f"export {name}={_quote(value)}" for name, value in exported.items()]
    is_clean = '[ "$1" ]'
    if inherited is not None and "PATH" in exported and inherited.names.isdisjoint(_OF_THE_SHELL):
        is_clean += f' || [ "${{TMUX%,*}}" = {_quote(inherited.place)} ]'
        superfluous = inherited.names.difference(exported, _OF_THE_TERMINAL, ["PWD"])
        lines.append(" ".join(["unset _", *sorted(superfluous)]))
    environment = "\n".join(lines)
    kept = " ".join(f'${{{name}+{name}="${name}"}}' for name in _OF_THE_TERMINAL)
    script = f"""\
{is_clean} || exec {_tool("env")} -i {kept} {_SHELL} "$0" -
{{
: >"$0"
set -- {" ".join(map(_quote, command))}
command -v shopt >/dev/null && shopt -s execfail
trap 'echo {_FAILED} $? >"$0"' EXIT
{environment}
cd {_quote(str(cwd))} || exit
unset OLDPWD
exec "$@"
exit
}}
"""
    try:
        encoded = os.fsencode(script)
    except UnicodeEncodeError:
        raise HookError("an argument or environment variable of the agent holds text that no bytes stand for") from None
    if b"\0" in encoded:
        raise HookError("an argument or environment variable of the agent holds a NUL character, which none may")
    return encoded


def _tool(name: str) -> str:
    return _tool_on(os.environ.get("PATH", ""), name)


@functools.lru_cache(maxsize=8)
def _tool_on(path: str, name: str) -> str:
    places = [*os.defpath.split(os.pathsep), *path.split(os.pathsep)]
    found = (f"{place}/{name}" for place in places if place.startswith("/"))
    return _quote(next(filter(_is_executable, found), name))


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
