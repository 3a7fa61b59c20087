"""A git that is killed has answered nothing, and nothing is done as if it had said no."""

import shutil

import pytest

from rouser import HookError


@pytest.fixture
def kill_once(monkeypatch, tmp_path):
    """Return what has the next git whose command line holds a word killed."""
    (tmp_path / "bin").mkdir()
    script, armed = tmp_path / "bin" / "git", tmp_path / "armed"
    real = shutil.which("git")
    script.write_text(
        f'#!/bin/sh\nif [ -e {armed} ]; then case "$*" in *"$(cat {armed})"*) rm {armed}; kill -KILL $$;; esac; fi\n'
        f'exec {real} "$@"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(script.parent), prepend=":")

    def arm(word):
        armed.write_text(word)
        return armed

    return arm


def test_what_was_staged_is_not_lost_with_it(spawn, plugin, session, repo, kill_once):
    path = spawn(session)
    (path / "staged.txt").write_text("staged")
    repo.git("add", "staged.txt", at=path)
    shutil.rmtree(path)
    armed = kill_once("symbolic-ref")
    with pytest.raises(HookError, match=r"git symbolic-ref failed: exit status -9"):
        plugin.workspace_restore(session, path)
    assert not armed.exists()
    assert plugin.workspace_restore(session, path) == path
    assert (path / "staged.txt").read_text() == "staged"


def test_a_branch_is_not_taken_for_missing(plugin, repo, kill_once):
    repo.git("branch", "rouser/fix")
    kill_once("refs/heads/rouser/fix")
    with pytest.raises(HookError, match="exit status -9"):
        plugin.workspace_has_branch(repo.path, "rouser/fix")
    assert plugin.workspace_has_branch(repo.path, "rouser/fix") is True
    assert plugin.workspace_has_branch(repo.path, "rouser/other") is False


def test_a_branch_is_not_said_to_be_deleted(spawn, plugin, session, kill_once):
    path = spawn(session)
    shutil.rmtree(path)
    kill_once(f"refs/heads/{session.branch}^")
    with pytest.raises(HookError, match="exit status -9"):
        plugin.workspace_restore(session, path)
    assert plugin.workspace_restore(session, path) == path


def test_a_name_is_not_taken_for_none_of_a_branch(spawn, session, repo, kill_once):
    kill_once("check-ref-format")
    with pytest.raises(HookError, match="git check-ref-format failed: exit status -9"):
        spawn(session)
    assert spawn(session).is_dir()
