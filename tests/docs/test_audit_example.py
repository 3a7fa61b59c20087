"""docs/examples/audit records every hook call, harms none, and is what its page shows."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from doc_pages import DOCS, blocks
from support.plugins import install
from support.world import new_world

from rouser import hookspecs

EXAMPLE = DOCS / "examples" / "audit"
SOURCE = EXAMPLE / "src" / "rouser_audit.py"


@pytest.fixture
def world():
    """A world where the example is installed and writes to ``audit.jsonl``."""
    made = new_world()
    install(made.root / "site", "audit", SOURCE.read_text(), attribute="Audit")
    made.extra["PYTHONPATH"] = str(made.root / "site")
    made.extra["ROUSER_AUDIT_FILE"] = str(made.root / "audit.jsonl")
    try:
        yield made
    finally:
        made.end()


def entries(world):
    return [json.loads(line) for line in (world.root / "audit.jsonl").read_text().splitlines()]


def test_every_hook_of_a_spawn_and_a_restore_is_recorded_with_its_duration(world):
    world.spawn()
    spawned = entries(world)
    hooks = [entry["hook"] for entry in spawned]
    assert hooks.index("workspace_create") < hooks.index("runtime_create")
    assert hooks.count("runtime_create") == 1
    assert {"agent_launch_command", "agent_initial_prompt", "plugin_configure"} <= set(hooks)
    world.kill_server()
    world.ok("restore", "--all")
    restored = entries(world)[len(spawned) :]
    hooks = [entry["hook"] for entry in restored]
    assert hooks.index("workspace_exists") < hooks.index("runtime_destroy") < hooks.index("runtime_create")
    assert all(0 <= entry["seconds"] < 60 for entry in restored)
    assert [entry["error"] for entry in restored if entry["hook"] == "runtime_create"] == [None]


def test_an_error_is_recorded_and_still_the_plugins_own(world):
    failed = world.run("spawn", "x", "--base", "nowhere", "--", *world.agent)
    assert failed.code == 12
    entry = next(entry for entry in entries(world) if entry["hook"] == "workspace_create")
    assert entry["error"].startswith("HookError: ")
    assert entry["error"].removeprefix("HookError: ") in failed.err


def test_a_log_that_cannot_be_written_stops_nothing(world):
    world.extra["ROUSER_AUDIT_FILE"] = str(world.root / "missing" / "audit.jsonl")
    world.spawn()
    assert world.ls()[0]["alive"] is True


def test_without_its_variable_it_records_nothing(world):
    del world.extra["ROUSER_AUDIT_FILE"]
    world.spawn()
    assert not (world.root / "audit.jsonl").exists()


def test_it_wraps_every_hook_that_there_is():
    namespace: dict[str, object] = {"__name__": "rouser_audit"}
    exec(compile(SOURCE.read_text(), str(SOURCE), "exec"), namespace)
    wrapped = {name for name in vars(namespace["Audit"]) if not name.startswith("_")}
    assert wrapped == {hook for spec in hookspecs.KINDS.values() for hook in hookspecs.hooks_of(spec)}


def test_the_page_shows_the_plugin_as_it_is():
    page = EXAMPLE / "README.md"
    assert blocks(page, "python")[0] == SOURCE.read_text()
    assert blocks(page, "toml")[0] == (EXAMPLE / "pyproject.toml").read_text()


def test_the_wheel_holds_the_module_and_its_entry_point(tmp_path):
    # Without isolation and dependencies, nothing is fetched.
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run([*command, "--wheel-dir", tmp_path, EXAMPLE], check=True, env=environment, timeout=110)
    unpacked = tmp_path / "unpacked"
    wheel = next(tmp_path.glob("rouser_audit-*.whl"))
    subprocess.run([sys.executable, "-m", "zipfile", "-e", wheel, unpacked], check=True, timeout=60)
    assert (unpacked / "rouser_audit.py").read_text() == SOURCE.read_text()
    text = next(unpacked.glob("*.dist-info/entry_points.txt")).read_text()
    assert "audit = rouser_audit:Audit" in text
