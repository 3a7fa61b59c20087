"""Settings, descriptions, discovery and diagnosis."""

import os
import shutil
from pathlib import Path

import pytest

from rouser import DiscoveredWorkspace, HookError
from rouser_worktree.plugin import WorktreeWorkspace


@pytest.mark.parametrize("value", ["relative", "", ".", 3, None, "~nobody-of-this-name/x", "/a\0b", ["/a"]])
def test_a_base_that_is_no_absolute_path_is_refused(value):
    with pytest.raises(HookError, match="must be an absolute path"):
        WorktreeWorkspace().plugin_configure({"base": value})


def test_an_unknown_setting_is_refused_with_what_is_allowed():
    with pytest.raises(HookError, match=r"unknown setting 'bases'.*allowed are: base"):
        WorktreeWorkspace().plugin_configure({"bases": "/x"})


def test_the_base_may_begin_with_the_home_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    plugin = WorktreeWorkspace()
    plugin.plugin_configure({"base": "~/trees"})
    assert plugin.base == tmp_path / "trees"


def test_the_default_base_follows_rouser_home_else_the_users_data_directory(monkeypatch, tmp_path):
    plugin = WorktreeWorkspace()
    plugin.plugin_configure({})
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert plugin.base.is_relative_to(tmp_path)
    assert plugin.base.parts[-2:] == ("rouser", "worktrees")
    monkeypatch.setenv("ROUSER_HOME", str(tmp_path / "state"))
    assert plugin.base == tmp_path / "state" / "worktrees"


def test_describe_says_what_is_not_kept_elsewhere(repo, plugin, spawn, session):
    path = spawn(session)
    assert plugin.workspace_describe(path) == "clean"
    (path / "one").write_text("x")
    (path / "two\nlines").write_text("x")
    assert plugin.workspace_describe(path) == "2 files changed, not committed"
    repo.commit("one", at=path)
    (path / "two\nlines").unlink()
    assert plugin.workspace_describe(path) == "1 commit not pushed on rouser/fix"


def test_describe_counts_a_renamed_file_once_whatever_its_name(repo, plugin, spawn, session):
    repo.commit("1 old")
    path = spawn(session)
    repo.git("mv", "1 old", "2 new", at=path)
    assert plugin.workspace_describe(path) == "1 file changed, not committed"


def test_describe_manages_a_branch_without_commits(repo, plugin, spawn, session):
    path = spawn(session)
    repo.git("switch", "-q", "--orphan", "empty", at=path)
    assert plugin.workspace_describe(path) == "clean"


def test_describe_leaves_the_index_alone(plugin, spawn, session):
    path = spawn(session)
    index = Path((path / ".git").read_text().removeprefix("gitdir: ").strip()) / "index"
    os.utime(path / "a.txt", (1, 1))
    before = index.read_bytes()
    plugin.workspace_describe(path)
    assert index.read_bytes() == before


def test_describe_refuses_what_is_not_usable(plugin, tmp_path):
    with pytest.raises(HookError, match="no usable worktree"):
        plugin.workspace_describe(tmp_path)


def test_discover_finds_ours_that_are_there_and_no_others(repo, plugin, spawn, new_session, base):
    assert plugin.workspace_discover() == []
    sessions = [new_session(branch=f"rouser/{number}") for number in range(3)]
    paths = [spawn(session) for session in sessions]
    shutil.rmtree(paths[0])
    (paths[1] / ".git").unlink()
    repo.git("worktree", "add", "-q", "-b", "mine", str(base / "shop" / "mine"))
    (base / "shop" / ".torn.json").write_text("{")
    (base / "shop" / "torn").mkdir()
    found = sorted(plugin.workspace_discover(), key=lambda item: item.path)
    ours = [
        DiscoveredWorkspace(path=path, session_id=session.id)
        for path, session in zip(paths[1:], sessions[1:], strict=True)
    ]
    assert found == sorted(ours, key=lambda item: item.path)


def test_diagnose_is_content_before_anything_was_made(plugin, base):
    findings = plugin.plugin_diagnose()
    assert [finding.subject for finding in findings] == ["git", "worktree base"]
    assert all(finding.ok and not finding.remedy for finding in findings)
    assert not base.exists()


def test_diagnose_names_broken_ones_and_an_open_base(plugin, spawn, new_session, base):
    session = new_session()
    shutil.rmtree(spawn(session))
    spawn(new_session(branch="rouser/other"))
    base.chmod(0o777)
    bad = [finding for finding in plugin.plugin_diagnose() if not finding.ok]
    assert [finding.subject for finding in bad] == ["worktree base", "worktree"]
    assert bad[0].remedy.startswith("chmod go-w")
    assert session.short_id in bad[1].remedy


def test_diagnose_names_a_base_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("x")
    plugin = WorktreeWorkspace()
    plugin.plugin_configure({"base": str(tmp_path / "file" / "base")})
    (finding,) = [finding for finding in plugin.plugin_diagnose() if not finding.ok]
    assert finding.subject == "worktree base"


def test_diagnose_names_a_missing_git(plugin, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [finding.subject for finding in plugin.plugin_diagnose() if not finding.ok] == ["git"]


def test_a_base_that_cannot_be_written_to_is_one_line(repo, session, tmp_path):
    (tmp_path / "file").write_text("x")
    plugin = WorktreeWorkspace()
    plugin.plugin_configure({"base": str(tmp_path / "file" / "base")})
    with pytest.raises(HookError, match="file"):
        plugin.workspace_create(session, repo.path, "rouser/fix", None)
    assert repo.branches() == ["main"]
