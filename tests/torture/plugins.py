"""Plugins that misbehave in every hook, and at import."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from support.plugins import install
from support.world import Done, World, new_world

from rouser import host, loader
from rouser.store import Store
from torture.crowding import crowding
from torture.forked import HungError, once, warm_up
from torture.rogue import BREACHES, HOOKS, LINGERS
from torture.spreading import side_by_side
from torture.tally import Tally

TITLE = "plugins that misbehave: the host survives, names them, and goes on"

SURVIVES = "Whatever a plugin's hook does, the command ends in time with an exit code that has a meaning"
NAMED = "A failure that a plugin causes names the plugin"
JSON_VALID = "With --json, standard output is one JSON document, whatever plugins print"
OTHERS = "The sessions of other plugins go on: listed, restored and with their whole environment"
IMPORTS = "A plugin that fails at import costs a line on standard error and nothing else"

DEADLINE = 0.5
_PATIENCE = 30.0
_INTERNAL = 70
_PARTS = 4


def run(tally: Tally, quick: bool) -> None:
    """Let each hook breach the contract in each way, in the commands that call it."""
    host.SLOW_SECONDS = DEADLINE * crowding()  # in this process and what it forks
    loader._IMPORT_SECONDS = crowding()
    world = new_world()
    try:
        warm_up(world)
        _install(world)
        asked = _asked(world)
        missing = set(HOOKS) - set().union(*asked.values()) - _UNREACHED
        tally.check(SURVIVES, not missing, f"no command calls {sorted(missing)}")
        cases = [(command, hook, breach) for hook in HOOKS for command in _of(asked, hook) for breach in BREACHES]
        if quick:
            cases = cases[:: len(cases) // 80]
        side_by_side(tally, [partial(_try_each, world, cases[part::_PARTS]) for part in range(_PARTS)])
        _lingering(tally, world)
        _imports(tally, world)
    finally:
        world.end()


_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "spawn": ("spawn", "a task", "--json"),
    "restore": ("restore", "rogue", "steady", "--json"),
    "send": ("send", "rogue", "hello", "--json", "--wait", "0.5"),
    "logs": ("logs", "rogue", "--json"),
    "show": ("show", "rogue", "--json"),
    "ls": ("ls", "--json"),
    "kill": ("kill", "rogue", "steady", "--json"),
    "rm": ("rm", "rogue", "steady", "--json"),
    "rm --force": ("rm", "--force", "rogue", "steady", "--json"),
    "snapshots": ("snapshots", "list", "rogue", "--json"),
    "snapshots restore": ("snapshots", "restore", "rogue", "--json"),
    "discover": ("discover", "--json"),
    "doctor": ("doctor", "--json"),
}
_REST = ("snapshots", "snapshots restore", "discover", "doctor")
_DEAD = {"restore", "rm", "snapshots restore"}
_MEANT = {"returns control characters", "returns 10 MB"}  # an agent's plugin may well say that its screen shows this
_UNREACHED = {
    "runtime_submit",  # only for text that was typed and stays
    "agent_holds_input",
    "runtime_attach_command",  # attach has no JSON
    "runtime_adopt",
    "workspace_drop_snapshot",  # neither has dropping
    "plugin_scratch_settings",  # the demo's
    "runtime_options",
    "runtime_describe",
    "workspace_describe",
    "workspace_restore",
    "session_restore_failed",
    "agent_explain_screen",
}


def _install(world: World) -> None:
    """Make both plugins ones that commands find, and keep a state with a session of each, alive and dead."""
    for name in ("rogue", "steady"):
        source = f"from torture.rogue import {name.capitalize()}\n"
        install(world.root / "plugins", name, source, attribute=name.capitalize())
    sys.path.insert(0, str(world.root / "plugins"))
    world.extra.update(
        ROUSER_HOOK_TIMEOUT="20",
        ROUSER_PROMPT_TIMEOUT="0.5",
        ROUSER_DISABLE_PLUGINS="tmux,process,worktree,clone,claude-code,command",
    )
    world.extra.update(ROUSER_AGENT="rogue", ROUSER_RUNTIME="rogue, steady", ROUSER_WORKSPACE="rogue")
    for state in ("live", "dead"):
        _use(world, world.root / state)
        (world.root / state / "made").mkdir(parents=True)
        for name in ("rogue", "rogue-2", "steady"):
            plugin = name.partition("-")[0]
            options = ("--agent", plugin, "--runtime", plugin, "--workspace", plugin, "--name", name)
            done = once(world, "spawn", "a task", *options)
            if done.code:
                raise AssertionError(done.err)
        if state == "dead":
            for file in (world.root / state / "made").glob("*-*"):
                if file.is_file():
                    file.unlink()


def _use(world: World, directory: Path) -> None:
    world.extra.update(ROUSER_HOME=str(directory / "home"), ROUSER_ROGUE_STATE=str(directory / "made"))
    world.extra["ROUSER_STEADY_STATE"] = world.extra["ROUSER_ROGUE_STATE"]


def _fresh(world: World, command: str, place: Path) -> None:
    """Give the next command a copy of a state that it changes something in."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(world.root / ("dead" if command in _DEAD else "live"), place)
    with Store(place / "home") as store:
        for session in store.sessions():
            store.revert(session._replace(workspace_path=place / "made" / "workspaces" / session.id), "moved")
    _use(world, place)


def _asked(world: World) -> dict[str, set[str]]:
    """Return which hooks each command calls when nothing goes wrong."""
    asked = {}
    for name, command in _COMMANDS.items():
        _fresh(world, name, world.root / "calm")
        log = world.root / "log"
        log.write_text("")
        done = once(world, *command, env={"ROGUE_LOG": str(log)})
        if done.code and name != "doctor":
            raise AssertionError(f"{name} fails without a breach: {done.err}")
        asked[name] = set(log.read_text().split())
    return asked


def _of(asked: Mapping[str, set[str]], hook: str) -> list[str]:
    """Return the commands to try a hook in: those that change something come first, and two are enough."""
    order = ("restore", "spawn", "kill", "send", "rm", "ls", "show", "logs", "rm --force", *_REST)
    return [name for name in order if hook in asked[name]][:2]


def _try_each(world: World, cases: list[tuple[str, str, str]], tally: Tally) -> None:
    place = world.root / f"try-{id(cases)}-{cases[0][1]}-{len(cases)}"
    for command, hook, breach in cases:
        _fresh(world, command, place)
        _try(tally, world, command, hook, breach)


def _try(tally: Tally, world: World, command: str, hook: str, breach: str) -> None:
    where = f"{command}, {hook} {breach}"
    deadline = str(DEADLINE * crowding() if breach == "hangs" else 20)
    env = {"ROGUE_HOOK": hook, "ROGUE_BREACH": breach, "ROUSER_HOOK_TIMEOUT": deadline}
    try:
        done = once(world, *_COMMANDS[command], env=env, seconds=_PATIENCE * crowding())
    except HungError as error:
        tally.case(SURVIVES, f"{where}: {error}")
        return
    said = done.err.strip()
    typed = 0 <= done.code < _INTERNAL
    tally.check(SURVIVES, typed and "Traceback" not in said, f"{where}: exit code {done.code}: {said[-300:]}")
    document = _document(done)
    tally.check(JSON_VALID, document is not None, f"{where}: {done.out[:100]!r}, {said[-200:]}")
    if done.code and command != "doctor" and breach not in _MEANT:
        tally.check(NAMED, "rogue" in said + done.out, f"{where}: {said[-200:]}")
    _others(tally, world, where, command, document)


def _document(done: Done) -> object:
    try:
        return json.loads(done.out)
    except ValueError:
        return None


def _others(tally: Tally, world: World, where: str, command: str, document: object) -> None:
    """Look at the session whose plugins keep to the contract, in what the command said and in what is there."""
    if command in {"restore", "kill", "rm", "rm --force"}:
        entries = document if isinstance(document, list) else []
        steady = [item for item in entries if isinstance(item, dict) and "steady" in {item["id"], item["name"]}]
        kept = len(steady) == 1 and steady[0].get("error") is None
        tally.check(OTHERS, kept, f"{where}: {str(steady)[:300]}")
    if command == "restore":
        files = list(Path(world.extra["ROUSER_STEADY_STATE"]).glob("steady-*"))
        env = json.loads(files[0].read_text())["env"] if files else {}
        tally.check(OTHERS, env.get("RECORD") == str(world.record), f"{where}: its agent has {len(env)} variables")
    if command == "ls":
        entries = document if isinstance(document, list) else []
        alive = [item["alive"] for item in entries if item["name"] == "steady"]
        tally.check(OTHERS, alive == [True], f"{where}: alive {alive}")


def _lingering(tally: Tally, world: World) -> None:
    """Leave threads behind, in real interpreters: a forked process would end without waiting for them."""
    path = f"{world.root / 'plugins'}:{Path(__file__).parents[1]}"
    for command, hook in (("ls", "runtime_list_alive"), ("restore", "session_restored"), ("kill", "runtime_destroy")):
        _fresh(world, command, world.root / "lingering")
        env = {"ROGUE_HOOK": hook, "ROGUE_BREACH": LINGERS, "PYTHONPATH": path}
        where = f"{command}, {hook} {LINGERS}"
        try:
            done = world.run(*_COMMANDS[command], env=env, timeout=20 * crowding())
        except subprocess.TimeoutExpired:
            tally.case(SURVIVES, f"{where}: the process does not end")
            continue
        tally.check(SURVIVES, done.code == 0, f"{where}: exit code {done.code}: {done.err}")
        tally.check(JSON_VALID, _document(done) is not None, f"{where}: {done.out[:100]!r}")


_AT_IMPORT = {
    "raises": "raise RuntimeError('sabotage')",
    "exits": "raise SystemExit(0)",
    "interrupts": "raise KeyboardInterrupt",
    "hangs": "import time; time.sleep(1000)",
    "is no Python": "def (",
    "holds a NUL": "\0",
    "is no text": None,
    "needs what is not there": "import pexpect_that_is_not_there",
    "defines nothing": "",
    "recurses": "def f(): return f()\nf()",
    "prints": "import os; print('noise', flush=True); os.write(1, b'noise'); os.system('echo noise')",
    "changes the directory": "import os; os.chdir('/')",
    "changes the environment": "import os; os.environ.clear()",
    "raises what has no text": "class E(Exception):\n    def __str__(self): raise RuntimeError\nraise E",
    "raises 10 MB": "raise RuntimeError('x' * 10_000_000)",
    "raises control characters": "raise RuntimeError('\\x1b]0;x\\x07\\x9b\\n\\n')",
    "lacks hooks": "from rouser import hookimpl\n@hookimpl\ndef runtime_is_alive(handle): return True",
    "has a hook that there is not": "from rouser import hookimpl\n@hookimpl\ndef runtime_fly(handle): return True",
    "wants an unknown argument": "from rouser import hookimpl\n@hookimpl\ndef session_removed(session, moon): pass",
    "has an attribute that raises": "def __getattr__(name): raise RuntimeError(name)",
}


def _imports(tally: Tally, world: World) -> None:
    _fresh(world, "ls", world.root / "importing")
    for number, (breach, source) in enumerate(_AT_IMPORT.items()):
        directory = world.root / f"import-{number}"
        install(directory, f"broken-{number}", source or "")
        if source is None:
            next(directory.glob("*.py")).write_bytes(b"x = '\xff'")
        sys.path.insert(0, str(directory))
        where = f"a plugin that {breach} at import"
        with_json = once(world, "plugins", "--json")
        entries = _document(with_json)
        found = [item for item in entries if item["name"] == f"broken-{number}"] if isinstance(entries, list) else []
        tally.check(IMPORTS, len(found) == 1, f"{where}: plugins says {with_json.out[:100]!r}, {with_json.err[-200:]}")
        listed = once(world, "ls", "--json")
        views = _document(listed)
        alive = [item["alive"] for item in views] if isinstance(views, list) else None
        failed = bool(found) and found[0]["status"] == "failed"
        lines = [line for line in listed.err.splitlines() if f"broken-{number}" in line]
        tally.check(
            IMPORTS,
            listed.code == 0 and alive == [True, True, True] and len(lines) == failed,
            f"{where}: ls {listed.code}, alive {alive}, {listed.err[-200:]}",
        )
        sys.path.remove(str(directory))
