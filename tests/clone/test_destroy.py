"""Removing a clone loses no work, and touches nothing else."""

import errno
import shutil
from pathlib import Path

import pytest

from rouser import HookError


def changed(made):
    (made.path / "a.txt").write_text("changed\n")


def staged(made):
    (made.path / "new").write_text("x")
    made.git("add", "new")


def untracked(made):
    (made.path / "new\nname").write_text("x")


def committed(made):
    made.commit("b.txt")


def committed_elsewhere(made):
    made.git("switch", "-qc", "other")
    made.commit("b.txt")
    made.git("switch", "-q", "rouser/fix")


def detached(made):
    made.git("switch", "-q", "--detach")
    made.commit("b.txt")


def stashed(made):
    changed(made)
    made.git("stash", "-q")


def merging(made):
    made.git("update-ref", "MERGE_HEAD", "HEAD")


def tagged(made):
    made.git("switch", "-q", "--detach")
    made.commit("b.txt")
    made.git("tag", "v1")
    made.git("switch", "-q", "rouser/fix")


WORK = [
    (changed, "1 file changed, not committed"),
    (staged, "1 file changed, not committed"),
    (untracked, "1 file changed, not committed"),
    (committed, "1 commit neither pushed nor in"),
    (committed_elsewhere, "1 commit neither pushed nor in"),
    (detached, "1 commit neither pushed nor in"),
    (stashed, "1 stash kept"),
    (merging, "a merge not finished"),
    (tagged, "1 commit neither pushed nor in"),
]


@pytest.mark.parametrize(("work", "words"), WORK)
def test_work_is_described_and_not_lost_unless_forced(repo, session, spawn, plugin, refused, work, words):
    made = spawn(session)
    work(made)
    assert words in plugin.workspace_describe(made.path)
    assert words in refused(plugin.workspace_destroy, made.path, force=False)
    assert plugin.workspace_exists(made.path)
    plugin.workspace_destroy(made.path, force=True)
    assert not made.path.exists()


def test_a_clean_clone_is_removed_with_its_record(repo, session, spawn, plugin, base):
    made = spawn(session).path
    assert plugin.workspace_describe(made) == "clean"
    plugin.workspace_destroy(made, force=False)
    assert list((base / "shop").iterdir()) == []
    plugin.workspace_destroy(made, force=False)


def test_ignored_files_do_not_count(repo, session, spawn, plugin):
    repo.commit(".gitignore", "*.log\n")
    made = spawn(session).path
    (made / "x.log").touch()
    plugin.workspace_destroy(made, force=False)


@pytest.mark.parametrize("remote", ["origin", "rouser-source"])
def test_commits_that_were_pushed_are_no_loss(repo, origin, session, spawn, plugin, remote):
    made = spawn(session)
    made.commit("b.txt")
    made.git("push", "-q", remote, "HEAD")
    assert plugin.workspace_describe(made.path) == "clean"
    plugin.workspace_destroy(made.path, force=False)


def test_commits_that_the_source_has_merged_are_no_loss_though_the_clone_does_not_know(repo, session, spawn, plugin):
    made = spawn(session)
    made.commit("b.txt")
    repo.git("fetch", "-q", str(made.path), "rouser/fix")
    repo.commit("c.txt")
    repo.git("merge", "-q", "--no-edit", "FETCH_HEAD")
    assert plugin.workspace_describe(made.path) == "clean"


def test_commits_that_the_source_had_and_dropped_are_not_lost(repo, session, spawn, plugin, refused):
    made = spawn(session)
    made.commit("b.txt")
    made.git("push", "-q", "rouser-source", "HEAD")
    repo.git("branch", "-qD", "rouser/fix")
    assert "1 commit neither pushed" in refused(plugin.workspace_destroy, made.path, force=False)


def test_commits_are_not_lost_when_the_source_is_gone(repo, session, spawn, plugin, refused):
    made = spawn(session).path
    shutil.rmtree(repo.path)
    assert "1 commit neither pushed" in refused(plugin.workspace_destroy, made, force=False)


def test_commits_in_submodules_are_not_lost(repo, make_repo, session, spawn, plugin, refused, tmp_path, monkeypatch):
    library = make_repo(tmp_path / "library")
    library.commit("l.txt")
    allow = ("-c", "protocol.file.allow=always")
    repo.git(*allow, "submodule", "--quiet", "add", str(library.path), "lib")
    repo.git("commit", "-qm", "Add lib")
    made = spawn(session)
    made.git(*allow, "submodule", "--quiet", "update", "--init")
    assert plugin.workspace_describe(made.path) == "clean"
    (made.path / "lib" / "n").write_text("x")
    made.git("add", "n", at=made.path / "lib")
    made.git("commit", "-qm", "n", at=made.path / "lib")
    made.git("commit", "-qam", "Use n")
    made.git("push", "-q", "rouser-source", "HEAD")
    assert "1 commit not pushed in submodules" in refused(plugin.workspace_destroy, made.path, force=False)
    made.git("submodule", "--quiet", "deinit", "--force", "lib")  # leaves the repository where nobody looks
    assert "1 commit not pushed in submodules" in refused(plugin.workspace_destroy, made.path, force=False)


@pytest.mark.parametrize("again", ["removed", "restored"])
def test_a_removal_that_is_stopped_leaves_no_half_of_a_clone(repo, session, spawn, plugin, base, monkeypatch, again):
    path = spawn(session).path
    real = shutil.rmtree

    def stop(directory, **options):
        if (Path(directory) / ".git").exists():
            (Path(directory) / ".git" / "HEAD").unlink()
            raise OSError(errno.EIO, "Input/output error", str(directory))
        real(directory, **options)

    monkeypatch.setattr(shutil, "rmtree", stop)
    with pytest.raises(HookError, match="could not be removed: Input/output error"):
        plugin.workspace_destroy(path, force=False)
    assert not path.exists()
    monkeypatch.undo()
    if again == "restored":
        repo.git("branch", session.branch)
        assert plugin.workspace_restore(session, path) == path
        assert (path / ".git" / "HEAD").exists()
    plugin.workspace_destroy(path, force=True)
    assert [entry.name for entry in path.parent.iterdir() if not entry.name.endswith(".lock")] == []


@pytest.mark.parametrize("force", [False, True])
def test_what_rouser_did_not_make_is_never_removed(repo, session, spawn, plugin, refused, base, tmp_path, force):
    made = spawn(session).path
    theirs = base / "shop" / "theirs"
    theirs.mkdir()
    link = base / "shop" / "link"
    link.symlink_to(repo.path)
    (base / "shop" / ".link.json").write_bytes((base / "shop" / f".{made.name}.json").read_bytes())
    for path in (repo.path, theirs, link, tmp_path, base, base / "shop"):
        assert "rouser" in refused(plugin.workspace_destroy, path, force=force) or path == link
        assert path.exists()
    assert (repo.path / "a.txt").exists()


def test_a_link_in_the_path_leads_no_further_than_the_base(repo, session, spawn, plugin, base, tmp_path):
    made = spawn(session).path
    (tmp_path / "way").symlink_to(base / "shop")
    plugin.workspace_destroy(tmp_path / "way" / made.name, force=False)
    assert not made.exists()


def test_what_is_no_longer_a_clone_is_not_judged(repo, session, spawn, plugin, refused):
    made = spawn(session).path
    shutil.rmtree(made / ".git")
    assert "no longer a clone" in refused(plugin.workspace_destroy, made, force=False)
    plugin.workspace_destroy(made, force=True)
    assert not made.exists()


def test_a_clone_whose_directory_is_gone_is_forgotten(repo, session, spawn, plugin, base):
    made = spawn(session).path
    shutil.rmtree(made)
    assert plugin.workspace_discover() == []
    plugin.workspace_destroy(made, force=False)
    assert list((base / "shop").iterdir()) == []


def test_removing_a_clone_does_not_harm_the_source(repo, session, spawn, plugin):
    made = spawn(session).path
    plugin.workspace_destroy(made, force=True)
    assert repo.git("fsck") == ""
    assert repo.git("status", "--porcelain") == ""


def test_describing_what_is_no_clone_is_an_error(plugin, refused, tmp_path):
    assert "no usable clone" in refused(plugin.workspace_describe, tmp_path)
