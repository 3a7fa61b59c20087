"""What ``rouser doctor`` tells of tmux: the program, its version, the server, the directory of launch files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rouser import Diagnosis, HookError
from rouser_tmux import launch
from rouser_tmux.client import NoServerError, Server

OLDEST: Final = "3.2"


def diagnose(server: Server) -> Iterator[Diagnosis]:
    """Yield the findings, as far as it makes sense to look."""
    import shutil  # 4 ms

    program = shutil.which("tmux")
    if not program:
        yield Diagnosis(subject="tmux", ok=False, message="not found on PATH", remedy=f"install tmux {OLDEST} or newer")
        return
    yield _version(program)
    yield _reach(server)
    yield _launch_directory()


def _version(program: str) -> Diagnosis:
    from libtmux.common import get_version, has_gte_version  # 70 ms

    try:
        found, new_enough = str(get_version(program)), has_gte_version(OLDEST, program)
    except Exception as error:
        return Diagnosis(
            subject="tmux",
            ok=False,
            message=f"{program} does not tell its version: {error}",
            remedy=f"install tmux {OLDEST} or newer",
        )
    remedy = "" if new_enough else f"install tmux {OLDEST} or newer"
    return Diagnosis(subject="tmux", ok=new_enough, message=f"{program} {found}", remedy=remedy)


def _reach(server: Server) -> Diagnosis:
    try:
        version = server.ask("display-message", "-p", "#{version}").strip()
    except NoServerError:
        return Diagnosis(subject="server", ok=True, message=f"the {server} does not run; the first session starts it")
    except HookError as error:
        remedy = "end it if it is of an older tmux; else look at its process with ps"
        return Diagnosis(subject="server", ok=False, message=str(error), remedy=remedy)
    return Diagnosis(subject="server", ok=True, message=f"the {server} runs tmux {version}")


def _launch_directory() -> Diagnosis:
    if not launch.location().exists():
        return Diagnosis(subject="launch files", ok=True, message=f"{launch.location()} is made when it is needed")
    try:
        path = launch.directory()
    except HookError as error:
        return Diagnosis(subject="launch files", ok=False, message=str(error), remedy="make it yours, with mode 0700")
    return Diagnosis(subject="launch files", ok=True, message=f"{path} is private")
