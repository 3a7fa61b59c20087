"""Run a command where there is no network but the loopback interface, as far as this machine allows it.

Usage: isolate.py COMMAND [ARGUMENT...]. A client that reaches for anything else than the stand-in fails there, in
place of leaving the machine unseen.
"""

import fcntl
import os
import socket
import struct
import subprocess
import sys

_INSIDE = "--inside"
_WAYS = (("unshare", "--net"), ("unshare", "--net", "--map-root-user"))

# From linux/sockios.h and linux/if.h.
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1


def raise_loopback() -> None:
    """Bring the loopback interface of a new network namespace up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def works(way: tuple[str, ...]) -> bool:
    """Return whether the machine lets us make such a namespace."""
    try:
        return subprocess.run([*way, "true"], capture_output=True, check=False, timeout=10).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def main(arguments: list[str]) -> None:
    if arguments[:1] == [_INSIDE]:
        raise_loopback()
        os.execvp(arguments[1], arguments[1:])
    way = next(filter(works, _WAYS), None)
    if way is None:
        print("note: no network namespace can be made here, the tests run without", file=sys.stderr)
        os.execvp(arguments[0], arguments)
    os.execvp(way[0], [*way, sys.executable, __file__, _INSIDE, *arguments])


main(sys.argv[1:])
