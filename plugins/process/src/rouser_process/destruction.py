"""End a runtime: the processes of its agent, its supervisor, and its directory."""

from __future__ import annotations

import shutil
import signal
from typing import Final

from rouser import HookError
from rouser_process.family import Family, looking_at_processes, wait_until_gone
from rouser_process.handle import Handle

_FAREWELL_SECONDS: Final = 0.3  # for the supervisor to see that its agent has ended, and to end too


@looking_at_processes()
def destroy(handle: Handle) -> None:
    """End what is left of a runtime, and return when it is gone.

    This asks no supervisor, so it works on one that is stopped, hangs, or is gone.

    :raises HookError: something of it is still there, or that is not known.
    """
    family = Family(handle.agent, handle.token)
    survivors = family.end()
    if not wait_until_gone([handle.supervisor], _FAREWELL_SECONDS):
        handle.supervisor.send(signal.SIGKILL)
        if not wait_until_gone([handle.supervisor], 1.0):
            survivors.append(handle.supervisor)
    survivors += family.kill()  # one that was born between two looks was in neither
    survivors = [process for process in set(survivors) if process.runs()]
    if survivors:
        pids = " ".join(str(process.pid) for process in sorted(survivors, key=lambda process: process.pid))
        raise HookError(f"processes of {handle.name} survived even being killed: {pids}; see ps -o pid,stat,args")
    try:
        shutil.rmtree(handle.place)
    except FileNotFoundError:
        return
    except OSError as error:
        raise HookError(f"{handle.place} could not be removed: {error.strerror}; remove it by hand") from error
