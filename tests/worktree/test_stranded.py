"""Work that only the private directory of a worktree has when the worktree's own directory is gone."""

import re
import shutil
import subprocess

import pytest
from worktree.looks import private_of

from rouser import HookError


@pytest.fixture
def path(spawn, session):
    return spawn(session)


def stage(repo, path, text="only in the index"):
    (path / "staged.txt").write_text(text)
    repo.git("add", "staged.txt", at=path)


def refused(call, *arguments, **options):
    with pytest.raises(HookError) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def run_the_remedy(message, name="kept"):
    """Run the command that a message has in parentheses, as a user would, from anywhere."""
    command = re.search(r" \((.*)\), (?:then|or)", message)[1].replace("NAME", name)
    subprocess.run(command, shell=True, check=True, cwd="/", capture_output=True, timeout=30)


def test_what_was_staged_is_not_removed_and_can_be_brought_back(repo, plugin, session, path):
    stage(repo, path)
    shutil.rmtree(path)
    said = refused(plugin.workspace_destroy, path, force=False)
    assert "1 file staged on rouser/fix" in said
    assert f"rouser restore {session.short_id}" in said
    assert "--force" in said
    plugin.workspace_restore(session, path)
    assert (path / "staged.txt").read_text() == "only in the index"


def test_what_was_staged_is_removed_by_force(repo, plugin, path):
    stage(repo, path)
    shutil.rmtree(path)
    plugin.workspace_destroy(path, force=True)
    assert repo.listed() == [repo.path]


@pytest.mark.parametrize("harm", [lambda repo, path: None, lambda repo, path: repo.git("add", "-N", "b", at=path)])
def test_one_that_had_nothing_staged_is_removed(repo, plugin, path, harm):
    (path / "b").write_text("work")  # which is gone with the directory, whatever was announced of it
    harm(repo, path)
    shutil.rmtree(path)
    plugin.workspace_destroy(path, force=False)
    assert repo.listed() == [repo.path]


@pytest.mark.parametrize("switch", [("-c", "feature"), ("--detach",)])
def test_what_was_staged_elsewhere_is_not_given_up_and_the_command_keeps_it(repo, plugin, session, path, switch):
    repo.git("switch", "-q", *switch, at=path)
    stage(repo, path)
    shutil.rmtree(path)
    assert "1 file staged on " in refused(plugin.workspace_destroy, path, force=False)
    said = refused(plugin.workspace_restore, session, path)
    assert "1 file staged on " in said
    assert not path.exists()
    run_the_remedy(said)
    if "--detach" in switch:
        run_the_remedy(refused(plugin.workspace_restore, session, path))
    plugin.workspace_restore(session, path)
    assert repo.git("branch", "--show-current", at=path) == "rouser/fix"
    kept = "kept" if "--detach" in switch else "feature"
    assert repo.git("show", f"{kept}:staged.txt") == "only in the index"


def begin_conflict(repo, path, operation):
    repo.commit("a.txt", "theirs\n")
    repo.commit("a.txt", "ours\n", at=path)
    with pytest.raises(AssertionError):
        repo.git(operation, "main", at=path)


@pytest.mark.parametrize("operation", ["merge", "rebase", "cherry-pick"])
def test_an_operation_under_way_comes_back_with_its_conflicts(repo, plugin, session, path, operation):
    begin_conflict(repo, path, operation)
    before = (repo.git("status", "--porcelain", at=path), repo.git("rev-parse", "HEAD", at=path))
    shutil.rmtree(path)
    said = refused(plugin.workspace_destroy, path, force=False)
    assert f"a {operation} " in said
    assert f"rouser restore {session.short_id}" in said
    plugin.workspace_restore(session, path)
    assert (repo.git("status", "--porcelain", at=path), repo.git("rev-parse", "HEAD", at=path)) == before
    assert "<<<<<<<" in (path / "a.txt").read_text()
    assert f"a {operation} not finished" in plugin.workspace_describe(path)


def test_a_conflict_of_one_side_comes_back_as_that(repo, plugin, session, path):
    repo.commit("a.txt", "theirs\n")
    repo.git("rm", "-q", "a.txt", at=path)
    repo.git("commit", "-qm", "Remove", at=path)
    with pytest.raises(AssertionError):
        repo.git("merge", "main", at=path)
    shutil.rmtree(path)
    plugin.workspace_restore(session, path)
    assert (path / "a.txt").read_text() == "theirs\n"
    assert repo.git("status", "--porcelain", at=path) == "DU a.txt"


def test_conflicts_of_a_stash_come_back(repo, plugin, session, path):
    (path / "a.txt").write_text("stashed\n")
    repo.git("stash", "-q", at=path)
    repo.commit("a.txt", "ours\n", at=path)
    with pytest.raises(AssertionError):
        repo.git("stash", "pop", at=path)
    shutil.rmtree(path)
    refused(plugin.workspace_destroy, path, force=False)
    plugin.workspace_restore(session, path)
    assert repo.git("status", "--porcelain", at=path) == "UU a.txt"
    assert "<<<<<<<" in (path / "a.txt").read_text()


def test_a_merge_on_another_branch_is_not_given_up_and_the_command_brings_it_back(repo, plugin, session, path):
    repo.git("switch", "-qc", "feature", at=path)
    begin_conflict(repo, path, "merge")
    stage(repo, path)
    shutil.rmtree(path)
    said = refused(plugin.workspace_restore, session, path)
    assert "a merge on feature was not finished" in said
    run_the_remedy(said)
    assert plugin.workspace_restore(session, path) == path
    assert "a merge not finished" in plugin.workspace_describe(path)
    assert (path / "staged.txt").exists()


def test_a_commit_in_a_submodule_is_not_removed_and_comes_back(repo, plugin, session, with_submodule):
    commit = repo.commit("more.txt", at=with_submodule / "lib dir")
    shutil.rmtree(with_submodule)
    said = refused(plugin.workspace_destroy, with_submodule, force=False)
    assert f"commit {commit[:7]} in submodule lib dir, which no remote has" in said
    plugin.workspace_restore(session, with_submodule)
    assert repo.git("rev-parse", "HEAD", at=with_submodule / "lib dir") == commit
    assert (with_submodule / "lib dir" / "more.txt").exists()
    assert "1 commit not pushed in submodules" in refused(plugin.workspace_destroy, with_submodule, force=False)


def test_what_was_staged_in_a_submodule_is_not_removed_and_comes_back(repo, plugin, session, with_submodule):
    stage(repo, with_submodule / "lib dir")
    shutil.rmtree(with_submodule)
    assert "1 file staged in submodule lib dir" in refused(plugin.workspace_destroy, with_submodule, force=False)
    plugin.workspace_restore(session, with_submodule)
    assert (with_submodule / "lib dir" / "staged.txt").read_text() == "only in the index"


def test_a_submodule_is_filled_after_a_restore_was_killed_at_it(plugin, session, with_submodule):
    inner = with_submodule / "lib dir"
    link = (inner / ".git").read_text()
    shutil.rmtree(with_submodule)
    inner.mkdir(parents=True)
    (inner / ".git").write_text(link)
    with_submodule.with_name(f".{with_submodule.name}.filling").touch()
    plugin.workspace_restore(session, with_submodule)
    assert (inner / "lib.txt").exists()
    assert plugin.workspace_describe(with_submodule) == "clean"


def test_a_commit_in_a_submodule_is_not_given_up_and_the_command_pushes_it(repo, plugin, session, with_submodule):
    repo.git("switch", "-qc", "feature", at=with_submodule)
    commit = repo.commit("more.txt", at=with_submodule / "lib dir")
    shutil.rmtree(with_submodule)
    run_the_remedy(refused(plugin.workspace_restore, session, with_submodule))
    plugin.workspace_restore(session, with_submodule)
    assert repo.git("branch", "--show-current", at=with_submodule) == "rouser/fix"
    assert repo.git("rev-parse", "kept", at=repo.path.with_name("library")) == commit


def test_a_pushed_submodule_does_not_hinder(repo, plugin, with_submodule):
    shutil.rmtree(with_submodule)
    plugin.workspace_destroy(with_submodule, force=False)
    assert repo.listed() == [repo.path]


def test_a_submodule_that_is_not_checked_out_any_more_is_looked_into(repo, plugin, with_submodule):
    repo.commit("more.txt", at=with_submodule / "lib dir")
    repo.git("submodule", "--quiet", "deinit", "--force", "lib dir", at=with_submodule)
    assert "1 commit not pushed in submodules" in refused(plugin.workspace_destroy, with_submodule, force=False)


def test_what_was_stashed_in_a_submodule_is_not_removed(repo, plugin, with_submodule):
    (with_submodule / "lib dir" / "lib.txt").write_text("changed")
    repo.git("stash", "-q", at=with_submodule / "lib dir")
    for lost in (False, True):
        if lost:
            shutil.rmtree(with_submodule)
        assert "in submodule" in refused(plugin.workspace_destroy, with_submodule, force=False)


def test_an_index_that_cannot_be_read_is_not_removed(repo, plugin, path):
    (private_of(repo, path) / "index").write_bytes(b"damaged")
    shutil.rmtree(path)
    refused(plugin.workspace_destroy, path, force=False)
    assert path in repo.listed()
