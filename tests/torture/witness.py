"""strace as a witness: it sees every change that a command makes, so it can tell whether one was overlooked.

strace itself can kill and fail calls, but counts them in each thread by itself, and rouser makes each hook call in a
thread of its own; so the strikes are those of :mod:`torture.tracer`, and strace says whether these are all.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable

from torture.lab import PARTS, Lab
from torture.scenes import Scene
from torture.spreading import Finding
from torture.syscalls import Call

COMPLETE = "Every kind of change that strace sees on the state and in git is one at which the command was killed"

_CHANGES = (
    "open,openat,openat2,creat,write,writev,pwrite64,pwritev,pwritev2,truncate,ftruncate,fallocate,copy_file_range,"
    "sendfile,splice,fsync,fdatasync,sync_file_range,msync,flock,fcntl,rename,renameat,renameat2,link,linkat,symlink,"
    "symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,mknod,mknodat,chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat,"
    "setxattr,lsetxattr,fsetxattr,removexattr,utimensat"
)
_WORKING_DIRECTORY = re.compile(r"AT_FDCWD<[^>]*>")
_LINE = re.compile(r"^(?:\d+ +)?(?P<name>\w+)\((?P<rest>.*)$")
_IN_DIRECTORY = re.compile(r'\d+<(?P<directory>/[^>]*)>, "(?P<name>[^/"][^"]*)"')
_ASKING = re.compile(r"F_(GET|DUP|SETFD|SETFL)")
_RANDOM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<=/objects/)[0-9a-f]{2}\b|[0-9a-f]{8,}|\d+|tmp_\w+")


def testify(lab: Lab, scene: Scene, known: Iterable[Call]) -> list[Finding]:
    """Run a scene's command under strace, and compare what it changes with what is known to be changed."""
    places = [f"{lab.world.root}/{part}/" for part in PARTS]
    ours = {(call.name, _place(path, places)) for call in known for path in call.paths}
    lab.begin(scene.state)
    out = lab.scratch / "strace"
    command = ["strace", "-f", "-y", "-s", "1", "-o", str(out), "-e", f"trace={_CHANGES}", "rouser", *scene.command]
    subprocess.run(command, cwd=lab.world.repository, capture_output=True, check=True, timeout=120)
    seen: dict[tuple[str, str], str] = {}
    for line in out.read_text(errors="replace").splitlines():
        found = _LINE.match(_WORKING_DIRECTORY.sub("AT_FDCWD", line))
        if found and not _only_asks(found["name"], found["rest"]):
            for path in re.findall(r'[<"](/[^>"]*)[>"]', _resolved(found["name"], found["rest"])):
                place = _place(path, places)
                if place:
                    seen[found["name"], place] = line
    return [
        (COMPLETE, None if change in ours else f"{scene.name}: {line}") for change, line in sorted(seen.items())
    ] or [(COMPLETE, f"{scene.name}: strace saw nothing")]


def _resolved(name: str, rest: str) -> str:
    """Return a call's arguments with the names that are relative to an open directory made absolute."""
    return _IN_DIRECTORY.sub(r'"\g<directory>/\g<name>"', rest) if name.rstrip("2").endswith("at") else rest


def _only_asks(name: str, rest: str) -> bool:
    if name in {"open", "openat", "openat2"}:
        return "O_CREAT" not in rest and "O_TRUNC" not in rest
    return name == "fcntl" and _ASKING.search(rest) is not None


def _place(path: str, places: list[str]) -> str:
    """Return a path below one of the places, without what differs from run to run; empty if it is elsewhere."""
    return next((_RANDOM.sub("N", path) for place in places if path.startswith(place)), "")
