"""``python -m rouser_process attach HANDLE``: attach this terminal to an agent's."""

from __future__ import annotations

import sys

from rouser import HookError
from rouser_process.attach import attach
from rouser_process.handle import Handle

_ARGUMENTS = 2


def main() -> int:
    """Return the exit code: 0 after detaching or the agent's end, 1 for what went wrong, 2 for wrong usage."""
    arguments = sys.argv[1:]
    if len(arguments) != _ARGUMENTS or arguments[0] != "attach":
        sys.stderr.write("usage: python -m rouser_process attach HANDLE\n")
        return 2
    try:
        attach(Handle.parse(arguments[1]))
    except HookError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
