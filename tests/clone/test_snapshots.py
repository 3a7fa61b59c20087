"""Snapshots of clones are in the repository that they were made from, and bring back what only the clone had."""

import shutil

import pytest

from rouser import HookError


@pytest.fixture
def made(plugin, session):
    path = plugin.workspace_create(session, session.repository, session.branch, None)
    return session._replace(workspace_path=path), path


def commit(repo, path, name, text="text\n"):
    (path / name).write_text(text)
    repo.git("add", "--", name, at=path)
    repo.git("commit", "-qm", f"Add {name}", at=path)
    return repo.git("rev-parse", "HEAD", at=path)


def forget_everything_unreachable(repo):
    repo.git("reflog", "expire", "--expire=now", "--all")
    repo.git("gc", "-q", "--prune=now")


def test_commits_and_work_come_back_after_the_clone_was_deleted(repo, plugin, made):
    session, path = made
    tip = commit(repo, path, "b.txt")
    (path / "a.txt").write_text("changed\n")
    (path / "new").write_text("new\n")
    taken = plugin.workspace_snapshot(session, path, "by hand")
    assert (taken.number, taken.files) == (1, 2)
    assert plugin.workspace_snapshot(session, path, "by hand") is None
    shutil.rmtree(path)
    forget_everything_unreachable(repo)
    assert plugin.workspace_snapshots(session) == [taken]
    assert plugin.workspace_restore(session, path) == path
    assert repo.git("rev-parse", session.branch, at=path) == tip
    assert plugin.workspace_restore_snapshot(session, path, 1, False) == []
    assert ((path / "a.txt").read_text(), (path / "new").read_text()) == ("changed\n", "new\n")
    assert session.branch not in repo.branches()


def test_the_branch_in_the_source_counts_where_it_went_on(repo, plugin, made):
    session, path = made
    commit(repo, path, "b.txt")
    plugin.workspace_snapshot(session, path, "x")
    tip = commit(repo, path, "c.txt")
    repo.git("push", "-q", "rouser-source", "HEAD", at=path)
    shutil.rmtree(path)
    plugin.workspace_restore(session, path)
    assert repo.git("rev-parse", "HEAD", at=path) == tip


def test_an_older_branch_in_the_source_gives_way_to_the_snapshot(repo, plugin, made):
    session, path = made
    repo.git("push", "-q", "rouser-source", "HEAD", at=path)
    tip = commit(repo, path, "b.txt")
    plugin.workspace_snapshot(session, path, "x")
    shutil.rmtree(path)
    plugin.workspace_restore(session, path)
    assert repo.git("rev-parse", "HEAD", at=path) == tip


def test_other_branches_and_stashes_are_kept(repo, plugin, made):
    session, path = made
    repo.git("switch", "-q", "-c", "other", at=path)
    other = commit(repo, path, "o.txt")
    repo.git("switch", "-q", session.branch, at=path)
    (path / "a.txt").write_text("stashed\n")
    repo.git("stash", "push", "-q", at=path)
    stash = repo.git("rev-parse", "stash@{0}", at=path)
    plugin.workspace_snapshot(session, path, "x")
    plugin.workspace_destroy(path, True)
    forget_everything_unreachable(repo)
    assert {repo.git("cat-file", "-t", one) for one in (other, stash)} == {"commit"}


def test_a_snapshot_is_no_reason_to_remove_a_clone_with_commits(repo, plugin, made):
    session, path = made
    commit(repo, path, "b.txt")
    plugin.workspace_snapshot(session, path, "x")
    with pytest.raises(HookError, match="1 commit neither pushed"):
        plugin.workspace_destroy(path, False)


def test_hooks_of_the_source_are_not_run(repo, plugin, made, tmp_path):
    session, path = made
    for hook in ("reference-transaction", "post-receive", "pre-receive", "update"):
        repo.hook(hook, f"touch {tmp_path / 'canary'}")
    (path / "new").write_text("new\n")
    assert plugin.workspace_snapshot(session, path, "x")
    assert not (tmp_path / "canary").exists()


def test_a_source_that_is_gone_is_an_error(repo, plugin, made):
    session, path = made
    (path / "new").write_text("new\n")
    repo.path.rename(repo.path.with_name("moved"))
    with pytest.raises(HookError, match="moved or deleted"):
        plugin.workspace_snapshot(session, path, "x")
