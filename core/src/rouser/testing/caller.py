"""Calls a plugin from a process of its own that ends right after, as every command of rouser does."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rouser.testing import verdict
from rouser.testing.verdict import fail

_PROGRAM: Final = """
import importlib, importlib.util, json, os, sys
task = json.loads(sys.argv[1])
sys.path[:] = task["path"]
try:
    module = importlib.import_module(task["module"])
except ImportError:
    spec = importlib.util.spec_from_file_location("plugin_under_test", task["file"])
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
plugin = module
for name in filter(None, task["name"].split(".")):
    plugin = getattr(plugin, name)
from pathlib import Path
from rouser.host import Host
from rouser.testing.sessions import new_session
host = Host({"under-test": task["settings"]})
host.register(plugin, "under-test")
print(host.call("under-test", "runtime_create", session=new_session(Path(task["cwd"])), name=task["runtime"],
                cwd=Path(task["cwd"]), command=task["command"], env=task["env"]))
"""


def create_in_another_process(
    plugin: object,
    settings: Mapping[str, Any],
    root: Path,
    name: str,
    command: Sequence[str],
    env: Mapping[str, str],
    cwd: Path,
) -> str:
    """Have another process create a runtime and end; return the handle.

    The process has a session of its own, and its output is read to the end: whatever keeps it open would also
    keep ``rouser spawn | tee log`` from ending.

    :param plugin: a class, a module, or an object whose class needs no arguments.
    """
    subject = plugin if inspect.isclass(plugin) or inspect.ismodule(plugin) else type(plugin)
    task = {
        "path": sys.path,
        "module": subject.__name__ if inspect.ismodule(subject) else subject.__module__,
        "name": "" if inspect.ismodule(subject) else subject.__qualname__,
        "file": inspect.getfile(subject),
        "settings": dict(settings),
        "runtime": name,
        "cwd": str(cwd),
        "command": list(command),
        "env": dict(env),
    }
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, json.dumps(task)],
            cwd=root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            start_new_session=True,
            check=False,
            timeout=2 * verdict.patience,
        )
    except subprocess.TimeoutExpired:
        fail("the runtime keeps the output of the command that created it open, so that a pipe from it never ends")
    if done.returncode:
        fail(f"creating a runtime from another process fails: {done.stderr.decode(errors='replace').strip()[-400:]}")
    return done.stdout.decode().strip().splitlines()[-1]
