"""Start a supervisor, and with it the agent in its terminal."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rouser import RUNTIME_VARIABLE, HookError, Session, is_valid_name, time_left
from rouser_process.family import Family
from rouser_process.handle import Handle
from rouser_process.places import claimed, read_record

if TYPE_CHECKING:
    import subprocess

_TERM: Final = "xterm-256color"
_CLEANUP_SHARE: Final = 0.2  # of the time that is left, kept back to undo what did not succeed
_NEEDED_BY_PYTHON: Final = ("LD_LIBRARY_PATH", "LD_PRELOAD", "LANG", "LC_ALL", "LC_CTYPE", "PYTHONHOME")
# Behind the standard library on the path, so that nothing installed beside this package is imported in its place.
_START: Final = "import sys; sys.path.append(sys.argv[1]); from rouser_process.supervisor import main; main()"


def create(
    base: Path, session: Session, *, name: str, cwd: Path, command: Sequence[str], env: Mapping[str, str]
) -> Handle:
    """Start ``command`` in a terminal of its own.

    :raises HookError: it was not started; nothing of it is left behind.
    """
    if not is_valid_name(name):
        raise HookError(f"{name!r} cannot name a runtime: use letters, digits, _ and -, at most 64")
    _check(cwd, command, env)
    token = os.urandom(8).hex()
    with claimed(base, name, token) as (place, held):
        order = {
            "directory": str(place),
            "token": token,
            "command": list(command),
            "cwd": str(cwd),
            "env": {**env, "TERM": _TERM, RUNTIME_VARIABLE: token},
            "umask": _umask(),
            "record": {"token": token, "session": session.id, "name": name},
            "held": held,
        }
        answer = _start(place, json.dumps(order).encode(), held)
        if "error" in answer:
            raise HookError(f"the agent was not started: {answer['error']}")
        handle = read_record(place)
        if handle is None:
            raise HookError(f"the runtime in {place} vanished while it was made; try again")
        return handle


def _check(cwd: Path, command: Sequence[str], env: Mapping[str, str]) -> None:
    if not command:
        raise HookError("the agent's command is empty")
    if not cwd.is_absolute() or not cwd.is_dir():
        raise HookError(f"the directory {cwd} does not exist")
    texts = [*command, *env, *env.values()]
    if any("\0" in text for text in texts):
        raise HookError("an argument or environment variable of the agent holds a NUL character, which none may")
    if any(not variable or "=" in variable for variable in env):
        raise HookError("an environment variable of the agent has no name, or one that holds an equals sign")
    try:
        os.fsencode("".join(texts))
    except UnicodeEncodeError:
        raise HookError("an argument or environment variable of the agent holds text that no bytes stand for") from None


def _start(place: Path, order: bytes, held: int) -> dict[str, Any]:
    """Run the supervisor and return what it answers once the agent was started, or was not."""
    import subprocess

    try:
        launcher = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c", _START, str(Path(__file__).parents[1])],
            cwd="/",
            env={variable: os.environ[variable] for variable in _NEEDED_BY_PYTHON if variable in os.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(held,),
        )
    except OSError as error:
        raise HookError(f"the supervisor could not be started: {error.strerror}") from error
    try:
        said, _ = launcher.communicate(order, timeout=time_left() * (1 - _CLEANUP_SHARE))
    except subprocess.TimeoutExpired:
        _end(launcher, place)
        raise HookError(f"the agent was not started in time; is {place} or its program on a disk that hangs?") from None
    except BaseException:
        _end(launcher, place)
        raise
    try:
        answer = json.loads(said)
    except ValueError:
        _end(launcher, place)
        last = said.decode(errors="replace").strip().rpartition("\n")[2]
        raise HookError(f"the supervisor failed: {last or 'it was killed'}") from None
    return answer if isinstance(answer, dict) else {"error": str(answer)}


def _end(launcher: subprocess.Popen[bytes], place: Path) -> None:
    """End what was begun: the supervisor is in the process group of what launched it, the agent in one of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(launcher.pid, signal.SIGSTOP)  # so that it starts no agent while we look for one
    handle = read_record(place)
    if handle is not None:
        Family(handle.agent, handle.token).end()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(launcher.pid, signal.SIGKILL)
    launcher.communicate()


def _umask() -> int:
    """Return the umask without changing it, which would concern every thread."""
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return int(next(line for line in lines if line.startswith("Umask:")).split()[1], 8)
    return 0o022
