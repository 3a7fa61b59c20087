"""How long a plugin takes to import, measured in a process of its own."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Final

_SECONDS: Final = 60.0
_ATTEMPTS: Final = 3

# What every command that needs plugins has imported before the first one is. For how long others had the processor
# is not the plugin's doing; the kernel counts that, where it does.
_MEASURE: Final = """
import json, sys, time
import rouser.host
import rouser.hookspecs
sys.path[:] = json.loads(sys.argv[1])
def now():
    try:
        with open("/proc/self/schedstat") as file:
            waited = int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        waited = 0.0
    return time.perf_counter() - waited
known = set(sys.modules)
begun = now()
{statement}
spent = now() - begun
tops = [name for name in sys.modules if name not in known and "." not in name]
print(json.dumps([spent, tops]))
"""
_BY_NAME: Final = "import importlib; importlib.import_module(sys.argv[2])"
_BY_FILE: Final = """
import importlib.util
spec = importlib.util.spec_from_file_location("plugin_under_test", sys.argv[3])
module = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = module
spec.loader.exec_module(module)
"""


def seconds_to_import(subject: type | ModuleType) -> tuple[float, str]:
    """Return the shortest of a few measurements in seconds, and the modules that it brings in.

    :param subject: the plugin's class or module.
    """
    name = subject.__name__ if isinstance(subject, ModuleType) else subject.__module__
    file = inspect.getfile(subject)
    # Modules of test suites may have names under which nothing else finds them.
    statement = _BY_FILE if _is_nameless(name) else _BY_NAME
    program = _MEASURE.format(statement=statement)
    measured = min(_measure(program, name, file) for _ in range(_ATTEMPTS))
    return measured[0], ", ".join(measured[1]) or Path(file).name


def _is_nameless(name: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(name) is None
    except (ImportError, ValueError):
        return True


def _measure(program: str, name: str, file: str) -> tuple[float, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(sys.path), name, file],
        capture_output=True,
        check=True,
        timeout=_SECONDS,
    )
    found: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return float(found[0]), [str(item) for item in found[1]]
