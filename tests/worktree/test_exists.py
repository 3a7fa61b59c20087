"""Whether a worktree is usable, compared with what git says of it."""

import shutil
import subprocess

import pytest

from rouser import HookError


def test_a_worktree_that_git_lists_is_usable(repo, plugin, spawn, session):
    path = spawn(session)
    assert path in repo.listed()
    assert plugin.workspace_exists(path)


def test_a_worktree_that_the_user_made_is_usable_too(repo, plugin, tmp_path):
    repo.git("worktree", "add", "-q", "-b", "x", str(tmp_path / "mine"))
    assert plugin.workspace_exists(tmp_path / "mine")


def test_another_branch_or_none_is_the_users_choice(repo, plugin, spawn, session):
    path = spawn(session)
    repo.git("switch", "-q", "--detach", at=path)
    assert plugin.workspace_exists(path)


def test_no_process_is_started(plugin, spawn, session, monkeypatch):
    path = spawn(session)

    def fail(*_, **__):
        pytest.fail("a process was started")

    monkeypatch.setattr(subprocess.Popen, "__init__", fail)
    assert plugin.workspace_exists(path)


def test_without_its_git_file_it_is_not_usable_even_nested_in_a_repository(make_repo, plugin, session, tmp_path):
    outer = make_repo(tmp_path / "outer")
    outer.commit("a.txt")
    plugin.plugin_configure({"base": str(outer.path / "nested")})
    path = plugin.workspace_create(session, outer.path, "rouser/fix", None)
    assert plugin.workspace_exists(path)
    (path / ".git").unlink()
    assert outer.git("rev-parse", "--is-inside-work-tree", at=path) == "true"
    assert not plugin.workspace_exists(path)


@pytest.mark.parametrize(
    "harm",
    [
        lambda repo, path: shutil.rmtree(path),
        lambda repo, path: (path / ".git").write_text("gitdir: /nowhere\n"),
        lambda repo, path: (path / ".git").write_text("nonsense"),
        lambda repo, path: (path / ".git").write_bytes(b"gitdir: \0\xff"),
        lambda repo, path: (path / ".git").write_text(""),
        lambda repo, path: (path / ".git").write_text(f"gitdir: {repo.path}/.git\n"),
        lambda repo, path: shutil.rmtree(repo.path / ".git" / "worktrees"),
        lambda repo, path: shutil.rmtree(repo.path),
        lambda repo, path: repo.path.rename(repo.path.with_name("moved")),
        lambda repo, path: (repo.path / ".git" / "worktrees" / path.name / "HEAD").unlink(),
        lambda repo, path: (repo.path / ".git" / "worktrees" / path.name / "commondir").unlink(),
        lambda repo, path: shutil.rmtree(repo.path / ".git" / "objects"),
    ],
)
def test_what_git_cannot_use_is_not_usable(repo, plugin, spawn, session, harm):
    path = spawn(session)
    harm(repo, path)
    assert not plugin.workspace_exists(path)


def test_a_worktree_that_was_moved_by_hand_is_not_usable_until_repaired(repo, plugin, spawn, session, tmp_path):
    path = spawn(session)
    moved = tmp_path / "moved"
    path.rename(moved)
    assert not plugin.workspace_exists(moved)
    assert not plugin.workspace_exists(path)
    repo.git("worktree", "repair", at=moved)
    assert plugin.workspace_exists(moved)


def test_relative_links_are_followed(repo, plugin, spawn, session):
    path = spawn(session)
    private = repo.path / ".git" / "worktrees" / path.name
    (path / ".git").write_text(f"gitdir: ../../../shop/.git/worktrees/{path.name}\n")
    (private / "gitdir").write_text(f"../../../../base/shop/{path.name}/.git\n")
    assert plugin.workspace_exists(path)


def test_a_path_through_a_symbolic_link_is_usable(plugin, spawn, session, tmp_path):
    path = spawn(session)
    (tmp_path / "link").symlink_to(path.parent)
    assert plugin.workspace_exists(tmp_path / "link" / path.name)


@pytest.mark.parametrize(
    "make", [lambda path: path.mkdir(), lambda path: path.write_text("x"), lambda path: path.symlink_to("loop")]
)
def test_what_is_no_worktree_is_not_usable(plugin, tmp_path, make):
    make(tmp_path / "loop")
    try:
        assert not plugin.workspace_exists(tmp_path / "loop")
    except HookError as error:
        assert "symbolic links" in str(error)  # noqa: PT017 -- a loop cannot be followed to an answer


def test_what_cannot_be_known_is_an_error(plugin, tmp_path):
    with pytest.raises(HookError, match="cannot tell whether"):
        plugin.workspace_exists(tmp_path / ("x" * 300))
