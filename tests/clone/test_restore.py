"""A clone comes back from its branch and no other; what is usable, and what is not."""

import shutil

import pytest


def test_a_clone_is_usable_and_nothing_else_is(repo, session, spawn, plugin, tmp_path):
    made = spawn(session).path
    assert plugin.workspace_exists(made) is True
    assert plugin.workspace_exists(tmp_path / "none") is False
    assert plugin.workspace_exists(tmp_path) is False
    inside = repo.path / "directory"
    inside.mkdir()
    assert plugin.workspace_exists(inside) is False  # it lies in a repository, but is none
    link = tmp_path / "link"
    link.symlink_to(made)
    assert plugin.workspace_exists(link) is False
    shutil.rmtree(made / ".git" / "objects")
    assert plugin.workspace_exists(made) is False


def test_restoring_a_usable_clone_changes_nothing(repo, session, spawn, plugin):
    made = spawn(session)
    (made.path / "work").write_text("precious")
    assert plugin.workspace_restore(session, made.path) == made.path
    assert (made.path / "work").read_text() == "precious"


def test_a_clone_that_is_gone_comes_back_from_the_branch_in_the_source(repo, session, spawn, plugin):
    made = spawn(session)
    tip = made.commit("b.txt")
    made.git("push", "-q", "rouser-source", "HEAD")
    shutil.rmtree(made.path)
    assert plugin.workspace_exists(made.path) is False
    assert plugin.workspace_restore(session, made.path) == made.path
    assert made.git("rev-parse", "HEAD") == tip
    assert made.git("symbolic-ref", "--short", "HEAD") == "rouser/fix"


def test_it_comes_back_from_what_was_pushed_and_fetched(repo, origin, session, spawn, plugin):
    made = spawn(session)
    tip = made.commit("b.txt")
    made.git("push", "-q", "origin", "HEAD")
    repo.git("fetch", "-q", "origin")
    shutil.rmtree(made.path)
    plugin.workspace_restore(session, made.path)
    assert made.git("rev-parse", "HEAD") == tip
    assert repo.branches() == ["main"]


def test_a_branch_that_was_only_in_the_clone_is_not_replaced_by_another(repo, session, spawn, plugin, refused):
    start = repo.git("rev-parse", "HEAD")
    made = spawn(session)
    made.commit("b.txt")
    shutil.rmtree(made.path)
    said = refused(plugin.workspace_restore, session, made.path)
    assert "never pushed" in said
    assert f"branch rouser/fix {start}" in said
    assert not made.path.exists()
    repo.git("branch", "rouser/fix", start)  # as it says
    plugin.workspace_restore(session, made.path)
    assert made.git("rev-parse", "HEAD") == start


def test_foreign_files_in_its_place_are_left_alone(repo, session, spawn, plugin, refused):
    made = spawn(session).path
    repo.git("branch", "rouser/fix")
    shutil.rmtree(made)
    made.mkdir()
    (made / "theirs").write_text("x")
    assert "is in the way" in refused(plugin.workspace_restore, session, made)
    assert (made / "theirs").read_text() == "x"


def test_an_empty_directory_in_its_place_is_filled(repo, session, spawn, plugin):
    made = spawn(session).path
    repo.git("branch", "rouser/fix")
    shutil.rmtree(made)
    made.mkdir()
    plugin.workspace_restore(session, made)
    assert (made / "a.txt").exists()


def test_work_in_a_damaged_clone_is_left_alone(repo, session, spawn, plugin, refused):
    made = spawn(session).path
    (made / "work").write_text("precious")
    (made / ".git" / "HEAD").unlink()
    assert "is in the way" in refused(plugin.workspace_restore, session, made)
    assert (made / "work").read_text() == "precious"


def test_a_source_that_is_gone_is_an_error(repo, session, spawn, plugin, refused):
    made = spawn(session).path
    shutil.rmtree(made)
    shutil.rmtree(repo.path)
    assert "is not there" in refused(plugin.workspace_restore, session, made)


@pytest.mark.parametrize("lost", ["record", "both"])
def test_without_a_record_the_sessions_repository_is_the_source(repo, session, spawn, plugin, lost, base):
    made = spawn(session).path
    repo.git("branch", "rouser/fix")
    shutil.rmtree(base if lost == "both" else made)
    (made.parent / f".{made.name}.json").unlink(missing_ok=True)
    plugin.workspace_restore(session, made)
    assert plugin.workspace_exists(made)
