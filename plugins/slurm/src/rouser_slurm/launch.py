"""Hand an agent's argv and environment over to its pane: in a private file, which removes itself and becomes it.

On the node, the file also finds out whether directory and program are there, and reports that before the agent
starts. It uses no variable of its own once the agent's environment is set.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rouser import HookError
from rouser_slurm.places import Generation

_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_UMASK: Final = re.compile(r"^Umask:\s*([0-7]+)$", re.MULTILINE)
_OF_THE_TERMINAL: Final = ("TERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "TMUX", "TMUX_PANE")
# Of these the first would lie about the pane, and to set the others ends one or another shell.
_LEFT_OUT: Final = frozenset(
    {
        *_OF_THE_TERMINAL,
        *("LINES", "COLUMNS", "OLDPWD"),
        *("_", "BASHOPTS", "BASH_VERSINFO", "EUID", "OPTIND", "PPID", "SHELLOPTS", "UID"),
    }
)

_SCRIPT: Final = """\
[ "$3" ] || exec env -i {kept} /bin/sh "$0" "$SLURM_JOB_ID" "${{SLURM_CLUSTER_NAME:-}}" \\
    "${{SLURMD_NODENAME:-$(uname -n)}}"
rm -f -- "$0"
umask {umask}
set -- "$3" "started $1 $2 $3 $TMUX_PANE ${{TMUX%,*,*}}" {command}
fail() {{
    printf '%s\\n' "failed $1" >>{state}
    exit 127
}}
cd {cwd} 2>/dev/null || fail {no_directory}" on node $1"
{environment}case $3 in
*/*) [ -f "$3" ] && [ -x "$3" ] ;;
*) command -v -- "$3" >/dev/null ;;
esac || fail {no_program}" on node $1"
printf '%s\\n' "$2" >>{state}
shift 2
unset OLDPWD
exec "$@"
"""


def write(generation: Generation, cwd: Path, command: Sequence[str], env: Mapping[str, str]) -> None:
    """Write the launch file of a generation.

    :raises HookError: it cannot be written, or an argument or variable holds what no program can be given.
    """
    text = _encoded(script(generation, cwd, command, env))
    try:
        descriptor = os.open(generation.launch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a Path cannot be told how to open
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise HookError(f"the launch file {generation.launch} cannot be written: {error.strerror}") from error


def script(generation: Generation, cwd: Path, command: Sequence[str], env: Mapping[str, str]) -> str:
    """Return what dash and bash take byte for byte, whatever is in arguments and variables."""
    if not command or not command[0]:
        raise HookError("the agent's command is empty")
    exports = (
        f"export {name}={quote(value)}\n"
        for name, value in env.items()
        if _IDENTIFIER.fullmatch(name) and name not in _LEFT_OUT
    )
    return _SCRIPT.format(
        umask=umask(),
        kept=" ".join(f'${{{name}+{name}="${name}"}}' for name in _OF_THE_TERMINAL),
        command=" ".join(map(quote, command)),
        state=quote(str(generation.path / "state")),
        cwd=quote(str(cwd)),
        environment="".join(exports),
        no_directory=quote(f"the directory {one_line(str(cwd))} cannot be used"),
        no_program=quote(f"there is no program {one_line(command[0])} that can be executed"),
    )


def umask() -> str:
    """Return the caller's umask, in octal digits; reading it the usual way would change it for all threads."""
    with contextlib.suppress(OSError):
        found = _UMASK.search(Path("/proc/self/status").read_text())
        if found:
            return found[1]
    return "0022"


def quote(text: str) -> str:
    """Return ``text`` as one word for a shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def one_line(text: str) -> str:
    """Return ``text`` so that it can be part of a line of a report."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _encoded(text: str) -> bytes:
    try:
        encoded = os.fsencode(text)
    except UnicodeEncodeError:
        raise HookError("an argument or environment variable of the agent holds text that no bytes stand for") from None
    if b"\0" in encoded:
        raise HookError("an argument or environment variable of the agent holds a NUL character, which none may")
    return encoded
