"""``rouser plugins check``: the conformance tests in a pytest of their own, against an installed plugin."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from rouser.config import Config
from rouser.errors import ConfigError
from rouser.host import Host
from rouser.loader import PluginState

_USAGE, _NOTHING = 4, 5  # pytest's exit codes for what it cannot parse, and for no tests at all


def check_plugin(
    name: str, config: Config, *, programs: Sequence[str] = (), expression: str = "", arguments: Sequence[str] = ()
) -> int:
    """Run the conformance tests of every kind that a plugin serves; return 0, or 1 when one fails.

    :param programs: what the plugin runs, to be replaced by programs that hang, deny or are not there.
    :param expression: limits the tests, as pytest's ``-k`` does; empty for all.
    :param arguments: what stands behind ``--`` for an agent.
    :raises ConfigError: pytest or one of ``programs`` is missing, ``expression`` fits no test or is none, or the
        plugin cannot be kept apart from what is the user's.
    :raises PluginError: there is no such plugin, or it is not loaded.
    """
    if find_spec("pytest") is None:
        raise ConfigError('the conformance tests need pytest: pip install "rouser[testing]"')
    if lacking := [program for program in programs if shutil.which(program) is None]:
        raise ConfigError(f"there is no program {lacking[0]!r} on PATH; --program takes what the plugin runs")
    host = Host.load(config.plugins, config.hook_timeout)
    info = next((info for info in host.plugins if info.name == name), None)
    kinds = [kind for kind in ("runtime", "agent", "workspace") if info is not None and kind in info.kinds]
    if not kinds and info is not None and info.state is PluginState.LOADED:
        raise ConfigError(f"{name} is no runtime, agent or workspace, so that there is nothing to check")
    host.require(name, kinds[0] if kinds else "runtime")
    if set(kinds) & {"runtime", "workspace"} and not host.implements(name, "plugin_scratch_settings"):
        raise ConfigError(f"{name} cannot be run apart from your own sessions: it lacks plugin_scratch_settings")
    settings = dict(config.plugins.get(name, {}))
    task = {"name": name, "config": settings | ({"arguments": list(arguments)} if arguments else {})}
    with tempfile.TemporaryDirectory(prefix="rouser-check-") as directory:
        # A configuration of its own, so that no pytest.ini around the current directory has a say.
        ini = Path(directory, "pytest.ini")
        ini.write_text("[pytest]\n", encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-c", str(ini), "-p", "no:cacheprovider", "-p", "no:randomly", "-ra"]
        command += ["-k", expression] if expression else []
        done = subprocess.run(
            [*command, "--pyargs", "rouser.testing.installed"],
            cwd=directory,
            env={**_environment(), "ROUSER_KIT_TASK": json.dumps(task | {"programs": list(programs)})},
            check=False,
        )
    if expression and done.returncode in {_USAGE, _NOTHING}:
        raise ConfigError(f"-k {expression!r} fits none of the conformance tests of {name}")
    return 0 if done.returncode == 0 else 1


def _environment() -> dict[str, str]:
    """Return the environment without what people tell their own test runs."""
    return {name: value for name, value in os.environ.items() if name not in {"PYTEST_ADDOPTS", "PYTEST_PLUGINS"}}
