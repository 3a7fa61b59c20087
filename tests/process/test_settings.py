"""Settings, what the doctor says, and what importing costs."""

import subprocess
import sys

import pytest

from rouser_process.plugin import ProcessRuntime


def test_the_directory_is_below_the_state_directory_unless_it_is_set(world):
    assert ProcessRuntime().base == world.directory / "home" / "process"
    runtime = ProcessRuntime()
    runtime.plugin_configure({"directory": "~/elsewhere"})
    assert runtime.base == world.directory / "elsewhere"


@pytest.mark.parametrize(
    "settings",
    [{"socket": "x"}, {"directory": "relative"}, {"directory": 3}, {"directory": "/a\nb"}, {"directory": ["/a"]}],
)
def test_other_settings_are_refused_with_what_is_allowed(refused, settings):
    assert "directory" in refused(ProcessRuntime().plugin_configure, settings)


def test_scratch_settings_keep_to_their_directory(tmp_path):
    runtime = ProcessRuntime()
    runtime.plugin_configure(runtime.plugin_scratch_settings(tmp_path))
    assert runtime.base.is_relative_to(tmp_path)


def test_the_doctor_finds_everything_in_order(world):
    findings = world.runtime.plugin_diagnose()
    assert {finding.subject for finding in findings} == {"terminals", "runtimes"}
    assert all(finding.ok for finding in findings)


def test_the_doctor_names_a_directory_that_cannot_be_used(world):
    world.base.write_text("")
    assert [finding.subject for finding in world.runtime.plugin_diagnose() if not finding.ok] == ["runtimes"]


def test_it_is_available_where_processes_and_terminals_are(world, monkeypatch):
    assert world.runtime.plugin_available() is None

    def none():
        raise OSError(2, "No such file or directory")

    monkeypatch.setattr("os.openpty", none)
    assert "terminal" in world.runtime.plugin_available()


def test_importing_the_plugin_loads_nothing_heavy():
    code = "import rouser_process.plugin, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30).stdout
    heavy = {"subprocess", "asyncio", "socket", "selectors", "shutil", "tempfile", "rouser_process.supervisor"}
    assert heavy.isdisjoint(loaded.split())
