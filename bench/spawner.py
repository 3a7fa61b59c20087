"""A small process that starts others and says how much memory they took: ``python -I -S spawner.py``.

Linux counts in a process's peak what the process held that it was forked from. So what is measured is started from
here, where next to nothing is imported. Speaks in ``marshal``, which needs no import either.
"""

import marshal
import posix
import sys

_OUTPUT = posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC


def main() -> None:
    """Read argv, environment and files; write status and peak memory in KiB; until the end of the input."""
    while True:
        try:
            command, environment, output, errors = marshal.load(sys.stdin.buffer)
        except EOFError:
            return
        files = [
            (posix.POSIX_SPAWN_OPEN, 0, "/dev/null", posix.O_RDONLY, 0),
            (posix.POSIX_SPAWN_OPEN, 1, output, _OUTPUT, 0o600),
            (posix.POSIX_SPAWN_OPEN, 2, errors, _OUTPUT, 0o600),
        ]
        pid = posix.posix_spawn(command[0], command, environment, file_actions=files)
        _, ended, usage = posix.wait4(pid, 0)
        marshal.dump((ended, usage.ru_maxrss), sys.stdout.buffer)
        sys.stdout.buffer.flush()


main()
