"""The one place where command lines are run, and where errors become messages and exit codes."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import Final, NoReturn

from rouser.cli.direct import direct_call
from rouser.cli.output import keep_stderr, printable, printable_lines, reserve_stdout, tell, write_json

INTERRUPTED: Final = 130
_POSTPONED_SECONDS: Final = 0.005


def main() -> None:
    """Run the command line and exit with the code that docs/exit-codes.md gives."""
    arguments = sys.argv[1:]
    as_json = _wants_json(arguments)
    keep_stderr()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # and not ignored, as in the background
        signal.signal(signal.SIGINT, _interrupt)
    if as_json:
        reserve_stdout()
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except SystemExit as end:
        code = end.code
    except BrokenPipeError:
        # Whoever read our output has gone; a second failure while Python flushes would be noise.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 1
    except (Exception, KeyboardInterrupt) as error:
        if "--debug" in arguments or os.environ.get("ROUSER_DEBUG"):
            raise
        code = _report(error, as_json=as_json)
    _leave(code if isinstance(code, int) else 0)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise :class:`KeyboardInterrupt`, but not amid an import, which would be left half done, with its locks held."""
    above = frame
    while above is not None:
        if above.f_code.co_filename.startswith("<frozen importlib"):
            signal.signal(signal.SIGALRM, _interrupt)
            signal.setitimer(signal.ITIMER_REAL, _POSTPONED_SECONDS)
            return
        above = above.f_back
    signal.default_int_handler(number, frame)


def _run(arguments: list[str]) -> object:
    call = direct_call(arguments)
    if call is not None:
        try:
            return call()
        except KeyboardInterrupt:
            tell("")  # ends the line on which the terminal shows ^C, as click does
            raise
    from click.exceptions import NoArgsIsHelpError

    from rouser.cli.app import cli

    try:
        return cli.main(prog_name="rouser", standalone_mode=False)
    except NoArgsIsHelpError as error:
        tell(error.format_message())  # the help itself, which is no message of an error
        return error.exit_code


def _leave(code: int) -> NoReturn:
    """Exit, without waiting for threads that plugins have left behind."""
    threading = sys.modules.get("threading")
    if threading is not None and any(
        not thread.daemon and thread is not threading.main_thread() for thread in threading.enumerate()
    ):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _wants_json(arguments: list[str]) -> bool:
    """Tell whether ``--json`` was given, before anything has been parsed that could fail."""
    return "--json" in (arguments[: arguments.index("--")] if "--" in arguments else arguments)


def _report(error: BaseException, *, as_json: bool) -> int:
    """Write one line about ``error``, and with ``--json`` a document; return the exit code."""
    kind, message, code = _describe(error)
    tell(message if code == INTERRUPTED else f"error: {message}")
    if as_json:
        with suppress(OSError):  # the output may be what failed
            write_json({"error": {"kind": kind, "message": message}})
    return code


def _describe(error: BaseException) -> tuple[str, str, int]:
    if isinstance(error, KeyboardInterrupt):
        return _describe_interrupt(error)
    if "click" in sys.modules and (described := _describe_of_click(error)) is not None:
        return described
    from rouser.errors import InternalError, RouserError

    if isinstance(error, RouserError):
        return error.kind, printable(" ".join(str(error).split())), error.exit_code
    if isinstance(error, OSError) and error.strerror:
        place = printable(str(error.filename)) if error.filename is not None else "the operating system"
        return RouserError.kind, f"{place}: {error.strerror}. See that the disk is in order.", RouserError.exit_code
    internal = InternalError.of(error)
    return internal.kind, printable(str(internal)), internal.exit_code


def _describe_interrupt(interrupt: BaseException | None) -> tuple[str, str, int]:
    return "interrupted", ": ".join(["interrupted", *getattr(interrupt, "__notes__", [])]), INTERRUPTED


def _describe_of_click(error: BaseException) -> tuple[str, str, int] | None:
    import click

    if isinstance(error, click.Abort):
        return _describe_interrupt(error.__cause__)
    if isinstance(error, click.UsageError) and error.ctx is not None:
        tell(error.ctx.get_usage())
    if isinstance(error, click.ClickException):
        return "usage", printable_lines(error.format_message()), error.exit_code
    return None
