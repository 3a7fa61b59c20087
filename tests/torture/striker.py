"""A plugin that runs a command around a hook of another plugin's: the moment at which the outside world breaks."""

from __future__ import annotations

import sys

from support.plugins import install
from support.world import World

SOURCE = '''
"""Runs STRIKE_RUN the first time that the hook and moment of STRIKE="hook:before" come."""
import os, subprocess
from rouser import hookimpl

struck = False


def strike(hook, moment):
    global struck
    if not struck and os.environ.get("STRIKE") == f"{hook}:{moment}":
        struck = True
        subprocess.run(["/bin/sh", "-c", os.environ["STRIKE_RUN"]], check=False)


def wrapper(name):
    def around():
        strike(name, "before")
        result = yield
        strike(name, "after")
        return result

    around.__name__ = name
    return hookimpl(around, wrapper=True)


for name in HOOKS:
    globals()[name] = wrapper(name)
'''

STEPS = {
    "restore": (
        "runtime_is_alive",
        "workspace_exists",
        "agent_restore_command",
        "runtime_get_output",
        "runtime_destroy",
        "runtime_create",
    ),
    "spawn": ("workspace_create", "agent_launch_command", "runtime_create", "runtime_send_message"),
    "kill": ("runtime_get_output", "runtime_destroy"),
    "rm": ("runtime_destroy", "workspace_destroy"),
    "send": ("runtime_is_alive", "runtime_send_message"),
}
"""The hooks of each command, around which something can go wrong."""


def steps(command: str) -> list[str]:
    """Return the moments of a command, as ``STRIKE`` takes them."""
    return [f"{hook}:{moment}" for hook in STEPS[command] for moment in ("before", "after")]


def install_striker(world: World) -> None:
    """Make the plugin one of those that commands forked from here on find."""
    hooks = sorted({hook for hooks in STEPS.values() for hook in hooks})
    directory = world.root / "plugins"
    install(directory, "striker", SOURCE.replace("HOOKS", repr(hooks)))
    sys.path.insert(0, str(directory))
