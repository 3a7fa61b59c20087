"""Plugins made by tests: real distributions on ``PYTHONPATH``, as far as rouser can tell."""

from __future__ import annotations

from pathlib import Path

SABOTEUR = '''
"""Ends or disturbs the process around a hook, as SABOTAGE="hook:before|after:what" says."""
import os, signal, sys, time
from rouser import hookimpl


def strike(hook, moment):
    wanted = os.environ.get("SABOTAGE", "").split(":")
    if wanted[:2] != [hook, moment]:
        return
    if wanted[2] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if wanted[2] == "wait":
        open(os.environ["WAITING"], "w").close()
        while os.path.exists(os.environ["WAITING"]):
            time.sleep(0.01)
    if wanted[2] == "print":
        print("noise on stdout", flush=True)
        os.system("echo more noise")
    if wanted[2] == "raise":
        raise RuntimeError("sabotage")


def wrapper(name):
    def around():
        strike(name, "before")
        result = yield
        strike(name, "after")
        return result

    around.__name__ = name
    return hookimpl(around, wrapper=True)


for name in (
    "workspace_create", "workspace_exists", "workspace_restore", "workspace_destroy", "runtime_create",
    "runtime_destroy", "runtime_is_alive", "runtime_send_message", "runtime_list_alive", "agent_launch_command",
):
    globals()[name] = wrapper(name)
'''


def install(directory: Path, name: str, source: str, distribution: str | None = None, attribute: str = "") -> None:
    """Put a plugin module and its metadata into ``directory``, which is to be on the path.

    :param attribute: what in the module is the plugin; empty: the module itself.
    """
    directory.mkdir(exist_ok=True)
    distribution = distribution or f"rouser-{name}"
    module = distribution.replace("-", "_")
    (directory / f"{module}.py").write_text(source)
    metadata = directory / f"{module}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[rouser]\n{name} = {module}{attribute and f':{attribute}'}\n")
