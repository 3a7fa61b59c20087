"""Run tmux client commands: with a deadline, in a clean environment, and with failures told apart.

libtmux has no timeouts, feeds no standard input and takes some 70 ms to import, so what runs on every
command goes through here; libtmux serves ``rouser doctor`` and, in the tests, as the independent witness.
"""

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from rouser import HookError, RunningProgram, time_left

_LONGEST: Final = 10.0
_SHARE: Final = 0.95  # of the time that is left; the rest is for ending the client and saying so
_RETRY_SECONDS: Final = 0.01

# What a tmux server, its configuration file and its terminals may need. Everything else stays behind: a server
# started here hands its environment to each of its sessions, of whoever, for as long as it lives.
_KEPT: Final = frozenset(
    {
        *("HOME", "PATH", "SHELL", "USER", "LOGNAME", "LANG"),
        *("LANGUAGE", "TZ", "TERM", "TERMINFO", "TERMINFO_DIRS", "COLORTERM"),
        *("TMPDIR", "TMUX_TMPDIR"),
        *("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_SESSION_ID"),
        *("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "SSH_AUTH_SOCK", "SSH_AGENT_PID"),
        "SSH_CONNECTION",
        "LD_LIBRARY_PATH",
    }
)

# Messages of tmux 3.3a, which are in no other language: it sets LC_CTYPE and LC_TIME only.
_GONE: Final = r"no server running on |error connecting to .* \((No such file or directory|Connection refused)\)"
_EXITING: Final = ("server exited", "lost server")
_STARTING: Final = "new-session"
_NO_SOCKET: Final = b"error creating "  # returns 0 nevertheless
_ROOT: Final = "/"  # keeps no directory of anybody's busy
_READ_SCRIPT: Final = ("source-file", "-")


class TmuxError(HookError):
    """A server answered a command with an error, or could not be asked.

    :ivar reason: what tmux said, one line.
    :ivar printed: what the commands before that one printed.
    """

    def __init__(self, message: str, reason: str = "", printed: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.printed = printed


class NoServerError(TmuxError):
    """There is no tmux server at the socket, and the command does not start one."""


class ServerExitingError(TmuxError):
    """The server went away while it was being asked; ask again to learn what is there now."""


class Server(NamedTuple):
    """One tmux server, which may or may not run.

    :ivar flags: the client's options that select it: ``("-S", path)``, ``("-L", name)`` or none at all.
    """

    flags: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"tmux server {self.flags[1]}" if self.flags else "default tmux server"

    @property
    def place(self) -> str:
        """Where its socket is, or would be."""
        option, name = self.flags or ("-L", "default")
        directory = os.environ.get("TMUX_TMPDIR") or "/tmp"  # noqa: S108 - tmux's choice
        return name if option == "-S" else f"{directory}/tmux-{os.getuid()}/{name}"

    @property
    def is_absent(self) -> bool:
        """Whether it is known that there is no server, without starting a client for that."""
        return self.place in _absent or not socket_exists(self.place)

    def socket(self, told: str) -> str:
        """Return the path of the server's socket, which it may have been started with relative to some directory.

        :param told: what the server says itself.
        """
        return told if told.startswith("/") else self.place

    def run(
        self,
        *commands: Sequence[str],
        stdin: bytes | None = None,
        timeout: float | None = None,
        meanwhile: Callable[[], object] | None = None,
    ) -> str:
        """Run commands in one client; if one fails, tmux leaves out those after it.

        :param commands: each an argv of a tmux command.
        :param stdin: what the client reads from its standard input.
        :param timeout: seconds; never more than the hook call has left, or 10.
        :param meanwhile: called while the client runs.
        :returns: what the client printed.
        :raises NoServerError: there is no server.
        :raises ServerExitingError: the server exited meanwhile.
        :raises TmuxError: any other failure, a server that does not answer in time included.
        """
        starts = self not in _running and any(command[0] == _STARTING for command in commands)
        client = self._client(_chain(commands), reads=stdin is not None, directory=_ROOT if starts else None)
        status, output, errors = self._answer(client, stdin or b"", timeout, meanwhile)
        if status or errors.startswith(_NO_SOCKET):
            raise self._failure(errors.decode(errors="replace"), output)
        self._answered()
        return output

    def begin(self) -> RunningProgram:
        """Start a client that waits for what :meth:`script` is to run, and the server if there is none.

        It ends with this process, and with it a server that it has started and in which nothing was made, unless the
        user's configuration has servers stay that are empty.

        :raises TmuxError: tmux cannot be run.
        """
        directory = None if self in _running else _ROOT
        return self._client(["start-server", ";", *_READ_SCRIPT], reads=True, directory=directory)

    def script(
        self,
        lines: Sequence[Sequence[Sequence[str]]],
        timeout: float | None = None,
        *,
        client: RunningProgram | None = None,
    ) -> tuple[str, str]:
        """Run lines of commands in one client; return what it printed, and errors.

        If a command fails, tmux leaves out those after it in the same line, and goes on with the next line.

        :param lines: each a chain of commands, each an argv of a tmux command.
        :param timeout: seconds; never more than the hook call has left, or 10.
        :param client: one that :meth:`begin` has started and that waits. None: another, which starts no server.
        :raises NoServerError: there is no server.
        :raises ServerExitingError: the server exited meanwhile; some lines may have been run.
        :raises TmuxError: the server does not answer in time.
        """
        text = "".join(script_of(line) + "\n" for line in lines)
        client = self._client(_READ_SCRIPT, reads=True) if client is None else client
        status, output, errors = self._answer(client, text.encode(errors="surrogateescape"), timeout)
        said = errors.decode(errors="replace")
        if status or errors:
            failure = self._failure(said)
            if isinstance(failure, NoServerError | ServerExitingError):
                raise failure
        else:
            self._answered()
        return output, said

    def _client(self, arguments: Sequence[str], *, reads: bool, directory: str | None = None) -> RunningProgram:
        """Start a client.

        :param reads: whether it reads something.
        :param directory: where a server that it starts stays for as long as it lives. None: it starts none.
        """
        from rouser import start_program

        try:
            return start_program(
                ["tmux", "-u", *self.flags, *arguments],
                environment=clean_environment(os.environ),
                reads=reads,
                directory=directory,
            )
        except FileNotFoundError:
            raise TmuxError("tmux is not installed, or not on PATH: install tmux 3.2 or newer") from None
        except OSError as error:
            raise TmuxError(f"tmux could not be run: {error}") from error

    def _answer(
        self,
        client: RunningProgram,
        stdin: bytes,
        timeout: float | None,
        meanwhile: Callable[[], object] | None = None,
    ) -> tuple[int, str, bytes]:
        """See a client to its end; return its status and what it printed."""
        seconds = min(time_left() * _SHARE, _LONGEST if timeout is None else timeout)
        try:
            status, output, errors = client.finish(stdin, seconds=seconds, meanwhile=meanwhile)
        except TimeoutError:
            raise TmuxError(
                f"the {self} did not answer within {seconds:.1f} s; it may be stopped or overloaded, try again"
            ) from None
        except OSError as error:
            raise TmuxError(f"tmux could not be run: {error}") from error
        return status, output.decode(errors="surrogateescape"), errors

    def ask(self, *command: str, timeout: float | None = None, meanwhile: Callable[[], object] | None = None) -> str:
        """Run one command that changes nothing, again if the server exits just then; otherwise like ``run``."""
        give_up = time.monotonic() + min(time_left(), _LONGEST if timeout is None else timeout)
        while True:
            try:
                return self.run(command, timeout=timeout, meanwhile=meanwhile)
            except ServerExitingError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(_RETRY_SECONDS)

    def _answered(self) -> None:
        _running.add(self)
        _absent.discard(self.place)

    def _failure(self, stderr: str, printed: str = "") -> Exception:
        reason = " ".join(stderr.split())
        if re.match(_GONE, reason):
            _absent.add(self.place)
            return NoServerError(f"there is no {self}: {reason}", reason)
        if reason.startswith(_EXITING):
            return ServerExitingError(f"the {self} exited while it was being asked ({reason}); try again", reason)
        return TmuxError(f"the {self} refused: {reason or 'no reason given'}", reason, printed)


_running: Final[set[Server]] = set()  # those that have answered this process
_absent: Final[set[str]] = set()  # where this process has found none


def socket_exists(path: str) -> bool:
    """Return False if there is nothing at ``path``, and with it no server to be asked."""
    try:
        os.stat(path)  # noqa: PTH116 - Path.exists() takes "permission denied" for an answer
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the part of ``environ`` that tmux clients, and with them a server they start, may see.

    :param environ: may lose variables meanwhile, as what is the whole process's does.
    """
    names = [name for name in list(environ) if name in _KEPT or name.startswith("LC_")]
    return {name: value for name in names if (value := environ.get(name)) is not None}


def _chain(commands: Sequence[Sequence[str]]) -> list[str]:
    """Join commands by ``;``, so that no argument of theirs is taken for one."""
    argv: list[str] = []
    for command in commands:
        if argv:
            argv.append(";")
        argv += [f"{argument[:-1]}\\;" if argument.endswith(";") else argument for argument in command]
    return argv


def script_of(commands: Sequence[Sequence[str]]) -> str:
    """Return commands as one argument of those of tmux that run others."""
    return " ; ".join(" ".join(map(_quoted, command)) for command in commands)


def _quoted(argument: str) -> str:
    """Return an argument as tmux's own configuration language takes it literally."""
    return "'" + argument.replace("'", "'\\''") + "'"
