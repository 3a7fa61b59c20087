"""The program: ``rouser``, and ``python -m rouser``.

A command lives for some 50 ms. A fifth of that went into collecting garbage while modules are imported, and into
taking the interpreter apart at the end; neither is of use to anybody.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys

_OBJECTS_BETWEEN_COLLECTIONS = 50_000
_EXIT_SECONDS = 2.0


def main() -> None:
    """Run the command line and end the process."""
    _open_closed_streams()
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:  # then all that is run would seem to have succeeded
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 20, 20)
    from rouser.cli import main as run

    try:
        run()
    except SystemExit as ended:
        if not isinstance(ended.code, int) or _others_run():
            raise
        code = ended.code
    else:
        code = 0
    if atexit._ncallbacks():  # noqa: SLF001 - what os._exit() leaves out, plugins may count on
        _run_exit_functions()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _run_exit_functions() -> None:
    """Run what was registered with ``atexit``, which may wait for a child that hangs, and not for longer than that."""
    import threading

    thread = threading.Thread(target=atexit._run_exitfuncs, name="rouser-exit", daemon=True)  # noqa: SLF001
    thread.start()
    thread.join(_EXIT_SECONDS)


def _open_closed_streams() -> None:
    """Put the null device in the place of standard streams that are closed.

    What is opened next would take their numbers, and be written to in their place: the database, for one.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            stream = open(os.devnull, "w" if number else "r")  # noqa: PTH123, SIM115 - for as long as the process lives
            setattr(sys, name, stream)
            try:
                os.fstat(number)
            except OSError:
                os.dup2(stream.fileno(), number)


def _others_run() -> bool:
    """Return whether there are threads that the interpreter waits for, which only a plugin can have started."""
    import threading

    return any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread())


if __name__ == "__main__":
    main()
