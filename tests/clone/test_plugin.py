"""Settings, what the doctor says, and what importing costs."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rouser_clone.plugin import CloneWorkspace


def test_the_base_is_below_rousers_home_unless_it_is_set(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ROUSER_HOME", str(tmp_path / "home"))
    assert CloneWorkspace().base == tmp_path / "home" / "clones"
    monkeypatch.delenv("ROUSER_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert CloneWorkspace().base == tmp_path / "data" / "rouser" / "clones"
    plugin = CloneWorkspace()
    plugin.plugin_configure({"base": "~/elsewhere"})
    assert plugin.base == tmp_path / "elsewhere"


@pytest.mark.parametrize("settings", [{"root": "/x"}, {"base": "relative"}, {"base": 3}, {"base": "/a\0b"}])
def test_other_settings_are_refused_with_what_is_allowed(refused, settings):
    assert "base" in refused(CloneWorkspace().plugin_configure, settings)


def test_scratch_settings_keep_to_their_directory(tmp_path):
    plugin = CloneWorkspace()
    plugin.plugin_configure(plugin.plugin_scratch_settings(tmp_path))
    assert plugin.base.is_relative_to(tmp_path)


def test_the_doctor_finds_git_and_names_a_clone_that_is_gone(repo, session, spawn, plugin):
    made = spawn(session).path
    assert [finding.ok for finding in plugin.plugin_diagnose()] == [True]
    shutil.rmtree(made)
    (_, finding) = plugin.plugin_diagnose()
    assert not finding.ok
    assert finding.remedy == f"rouser restore {session.short_id}, or rouser rm {session.short_id}"


def test_it_is_available_where_git_is(plugin, monkeypatch, tmp_path):
    assert plugin.plugin_available() is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "git" in plugin.plugin_available()
    assert [finding.ok for finding in plugin.plugin_diagnose()] == [False]


def test_importing_the_plugin_loads_nothing_heavy():
    code = "import rouser_clone.plugin, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30).stdout
    heavy = {"subprocess", "asyncio", "shutil", "tempfile", "git", "platformdirs", "rouser_clone.git"}
    assert heavy.isdisjoint(loaded.split())


def test_it_shares_nothing_with_other_plugins():
    package = Path(sys.modules[CloneWorkspace.__module__].__file__).parent
    assert not any("rouser_worktree" in file.read_text() for file in package.glob("*.py"))
