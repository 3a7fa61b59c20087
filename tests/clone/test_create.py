"""A clone has the branch, the files, the remotes and the settings that work on the repository needs."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rouser_clone.places import beside, read_record


def test_a_new_branch_begins_at_what_the_repository_has_checked_out(repo, session, spawn):
    made = spawn(session)
    assert made.git("symbolic-ref", "--short", "HEAD") == "rouser/fix"
    assert made.git("rev-parse", "HEAD") == repo.git("rev-parse", "HEAD")
    assert (made.path / "a.txt").read_text() == "text\n"
    assert made.branches() == ["rouser/fix"]
    assert repo.branches() == ["main"]


def test_it_is_a_repository_of_its_own_below_the_base_and_private(repo, session, spawn, base):
    made = spawn(session)
    assert made.path == base / "shop" / session.short_id
    assert (made.path / ".git").is_dir()
    assert made.git("rev-parse", "--git-common-dir") == ".git"
    assert base.stat().st_mode & 0o777 == 0o700


def test_objects_are_linked_and_not_copied(repo, session, spawn):
    made = spawn(session)
    objects = list((made.path / ".git" / "objects").glob("??/*"))
    assert objects
    assert all(path.stat().st_nlink > 1 for path in objects)
    assert not (made.path / ".git" / "objects" / "info" / "alternates").exists()


def test_an_existing_branch_is_checked_out_as_it_is_though_it_is_checked_out_elsewhere(repo, new_session, spawn):
    repo.git("switch", "-qc", "busy")
    tip = repo.commit("b.txt")
    made = spawn(new_session(branch="busy"), base="main")
    assert made.git("rev-parse", "HEAD") == tip
    assert made.git("symbolic-ref", "--short", "HEAD") == "busy"


@pytest.mark.parametrize("revision", ["main~1", "v1", "HEAD~1"])
def test_a_new_branch_begins_at_the_base(repo, session, spawn, revision):
    first = repo.git("rev-parse", "HEAD")
    repo.git("tag", "v1")
    repo.commit("b.txt")
    assert spawn(session, base=revision).git("rev-parse", "HEAD") == first


def test_a_base_that_only_a_remote_has_can_be_used(repo, origin, session, spawn):
    repo.git("switch", "-qc", "away")
    tip = repo.commit("b.txt")
    repo.git("push", "-q", "origin", "away")
    repo.git("switch", "-q", "main")
    repo.git("branch", "-qD", "away")
    assert spawn(session, base="origin/away").git("rev-parse", "HEAD") == tip


def test_a_detached_commit_that_no_branch_has_can_be_the_base(repo, session, spawn):
    repo.git("switch", "-q", "--detach")
    tip = repo.commit("b.txt")
    assert spawn(session).git("rev-parse", "HEAD") == tip


def test_pushing_goes_to_the_origin_of_the_source_and_the_source_has_a_name(repo, origin, session, spawn):
    made = spawn(session)
    made.commit("b.txt")
    made.git("push", "-q", "origin", "HEAD")
    assert origin.branches() == ["main", "rouser/fix"]
    assert made.git("remote", "get-url", "rouser-source") == str(repo.path / ".git")
    assert made.git("remote").split() == ["origin", "rouser-source"]
    assert made.git("rev-parse", "origin/main") == repo.git("rev-parse", "origin/main")


def test_relative_addresses_of_remotes_still_lead_there(repo, origin, session, spawn):
    repo.git("remote", "set-url", "origin", "../origin.git")
    made = spawn(session)
    made.git("fetch", "-q", "origin")
    assert made.git("remote", "get-url", "origin") == str(origin.path)


def test_a_clone_of_a_clone_has_the_nearer_one_as_its_source(repo, origin, new_session, spawn):
    outer = spawn(new_session())
    inner = spawn(new_session(repository=outer.path, branch="rouser/inner"))
    assert inner.git("remote", "get-url", "rouser-source") == str(outer.path / ".git")
    assert inner.git("remote", "get-url", "origin") == str(origin.path)


def test_what_was_set_for_the_repository_holds_in_the_clone(repo, session, spawn):
    repo.git("config", "user.email", "at.work@example.com")
    repo.git("config", "filter.x.clean", "cat")
    repo.git("config", "core.bare", "false")
    (repo.path / ".git" / "info" / "exclude").write_text("mine\n")
    made = spawn(session)
    assert made.git("config", "user.email") == "at.work@example.com"
    assert made.git("config", "filter.x.clean") == "cat"
    (made.path / "mine").touch()
    assert made.git("status", "--porcelain") == ""


def test_the_upstream_of_an_existing_branch_is_kept(repo, origin, new_session, spawn):
    made = spawn(new_session(branch="main"))
    assert made.git("rev-parse", "--abbrev-ref", "@{upstream}") == "origin/main"


def test_a_new_branch_follows_none(repo, origin, session, spawn):
    made = spawn(session, base="origin/main")
    assert made.git("for-each-ref", "--format=%(upstream)", "refs/heads/rouser/fix") == ""


def test_a_branch_counts_as_there_if_the_repository_or_one_of_its_remotes_has_it(repo, origin, plugin, refused):
    repo.git("push", "-q", "origin", "main:pushed")
    (repo.path / "directory").mkdir()
    assert plugin.workspace_has_branch(repo.path / "directory", "main") is True
    assert plugin.workspace_has_branch(repo.path, "pushed") is True
    assert plugin.workspace_has_branch(repo.path, "other") is False
    assert "no name for a branch" in refused(plugin.workspace_has_branch, repo.path, "-x")
    assert "not in a git repository" in refused(plugin.workspace_has_branch, repo.path.parent, "main")


def test_creating_again_returns_what_is_there(repo, session, spawn):
    made = spawn(session)
    (made.path / "work").write_text("precious")
    assert spawn(session).path == made.path
    assert (made.path / "work").read_text() == "precious"


def test_creating_from_a_worktree_or_a_bare_repository(repo, origin, new_session, spawn, tmp_path):
    repo.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    assert spawn(new_session(repository=tmp_path / "side")).git("rev-parse", "HEAD")
    assert spawn(new_session(repository=origin.path, branch="x")).git("rev-parse", "HEAD") == origin.git(
        "rev-parse", "main"
    )


def test_sessions_whose_ids_begin_alike_have_clones_of_their_own(repo, new_session, spawn):
    one, other = (new_session(id=f"12345678-0000-4000-8000-00000000000{n}") for n in "12")
    assert spawn(one).path != spawn(other).path


def test_many_at_once_all_succeed(repo, new_session, spawn):
    sessions = [new_session(branch=f"rouser/{n}") for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(spawn, sessions))
    assert [repo.git("symbolic-ref", "--short", "HEAD") for repo in made] == [session.branch for session in sessions]


@pytest.mark.parametrize(
    ("fields", "revision", "reason"),
    [
        ({"branch": "-x"}, None, "no name for a branch"),
        ({"branch": "a..b"}, None, "no name for a branch"),
        ({"branch": "@{-1}"}, None, "no name for a branch"),
        ({}, "no-such", "no commit, branch or tag"),
        ({}, "--all", "no commit, branch or tag"),
        ({"repository": Path("/no/such")}, None, "is not there"),
        ({"id": "../x"}, None, "cannot name a directory"),
    ],
)
def test_what_cannot_be_made_is_an_error_that_leaves_nothing(
    repo, new_session, spawn, refused, base, revision, fields, reason
):
    assert reason in refused(spawn, new_session(**fields), base=revision)
    assert not list(base.glob("*/*"))


def test_a_directory_in_no_repository_is_an_error(new_session, spawn, refused, tmp_path):
    (tmp_path / "plain").mkdir()
    assert "not in a git repository" in refused(spawn, new_session(repository=tmp_path / "plain"))


def test_a_repository_without_commits_is_an_error(make_repo, new_session, spawn, refused, tmp_path):
    empty = make_repo(tmp_path / "empty")
    assert "no commits yet" in refused(spawn, new_session(repository=empty.path))


def test_a_failing_checkout_leaves_nothing(repo, session, spawn, refused, base):
    repo.git("config", "filter.bad.smudge", "false")
    repo.git("config", "filter.bad.required", "true")
    (repo.path / ".gitattributes").write_text("*.bad filter=bad\n")
    repo.git("add", ".gitattributes")
    repo.git("config", "filter.bad.clean", "cat")
    repo.commit("x.bad")
    assert "checkout" in refused(spawn, session)
    assert not list((base / "shop").iterdir())


def test_a_hook_that_hangs_is_ended_in_time_and_leaves_nothing(
    repo, session, spawn, refused, base, tmp_path, monkeypatch, until
):
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "post-checkout").write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 1000\n")
    (hooks / "post-checkout").chmod(0o755)
    repo.git("config", "core.hooksPath", str(hooks))
    monkeypatch.setattr("rouser.git_program.time_left", lambda: 2.0)
    assert "was still running" in refused(spawn, session)
    pid = int((tmp_path / "pid").read_text())
    until(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2])
    assert not list((base / "shop").iterdir())


def test_a_directory_in_the_way_is_left_alone(repo, session, spawn, base):
    place = base / "shop" / session.short_id
    place.mkdir(parents=True)
    (place / "theirs").write_text("x")
    assert spawn(session).path == base / "shop" / session.id
    assert (place / "theirs").read_text() == "x"


def test_git_variables_of_the_caller_do_not_lead_elsewhere(repo, session, spawn, monkeypatch, tmp_path):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    made = spawn(session)
    monkeypatch.delenv("GIT_DIR")
    monkeypatch.delenv("GIT_INDEX_FILE")
    assert made.git("status", "--porcelain") == ""


KILLED = """
import os, pickle, signal, sys
from rouser_clone import cloning
from rouser_clone.plugin import CloneWorkspace
session, base = pickle.load(sys.stdin.buffer)
step = getattr(cloning, sys.argv[1])
def die(*arguments, **named):
    if sys.argv[2] == "after":
        step(*arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(cloning, sys.argv[1], die)
plugin = CloneWorkspace()
plugin.plugin_configure({"base": base})
plugin.workspace_create(session, session.repository, session.branch, None)
"""


@pytest.mark.parametrize("step", ["_copy", "_take_over_settings", "_check_out", "write_record"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_what_a_killed_creation_left_is_completed_by_the_next(repo, session, spawn, base, plugin, step, when):
    import pickle

    done = subprocess.run(
        [sys.executable, "-c", KILLED, step, when], input=pickle.dumps((session, str(base))), timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL
    made = spawn(session)
    assert made.git("status", "--porcelain") == ""
    assert made.git("fsck") == ""
    assert sorted(path.name for path in (base / "shop").iterdir()) == [f".{session.short_id}.json", session.short_id]


def test_what_was_made_is_on_record_and_discovered(repo, session, spawn, plugin):
    made = spawn(session)
    record = read_record(made.path)
    assert (record.session, record.branch, record.start) == (session.id, "rouser/fix", repo.git("rev-parse", "HEAD"))
    assert beside(made.path, "json").stat().st_mode & 0o777 == 0o600
    (found,) = plugin.workspace_discover()
    assert (found.path, found.session_id) == (made.path, session.id)


def test_a_disk_that_says_no_is_an_error_that_names_the_path(repo, session, plugin, spawn, tmp_path, refused):
    (tmp_path / "file").write_text("")
    plugin.plugin_configure({"base": str(tmp_path / "file" / "base")})
    assert str(tmp_path / "file") in refused(spawn, session)
