"""Making the worktree of a new session."""

import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from rouser import HookError
from rouser_worktree.locks import claiming


def test_the_worktree_is_below_the_base_by_repository_and_short_id(repo, spawn, session, base):
    path = spawn(session)
    assert path == base / "shop" / session.short_id
    assert path in repo.listed()
    assert repo.git("branch", "--show-current", at=path) == "rouser/fix"
    assert (path / "a.txt").read_text() == "text\n"


def test_base_and_record_are_private(spawn, session, base):
    path = spawn(session)
    assert stat.S_IMODE(base.stat().st_mode) == 0o700
    record = path.parent / f".{path.name}.json"
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert json.loads(record.read_text())["session"] == session.id
    assert sorted(entry.name for entry in path.parent.iterdir()) == [record.name, path.name]


def test_an_existing_branch_is_used_as_it_is(repo, spawn, session):
    repo.git("branch", "rouser/fix")
    main = repo.commit("b.txt")
    path = spawn(session, base="main")
    assert repo.git("rev-parse", "HEAD", at=path) != main


def test_a_new_branch_starts_from_the_base_and_follows_nothing(repo, spawn, session):
    first = repo.git("rev-parse", "HEAD")
    repo.git("tag", "v1")
    repo.commit("b.txt")
    before = (repo.path / ".git" / "config").read_bytes()
    path = spawn(session, base="v1")
    assert repo.git("rev-parse", "HEAD", at=path) == first
    assert (repo.path / ".git" / "config").read_bytes() == before


def test_without_a_base_a_new_branch_starts_from_what_the_given_directory_has(repo, plugin, session, tmp_path):
    other = tmp_path / "other"
    repo.git("worktree", "add", "-q", "-b", "feature", str(other))
    tip = repo.commit("b.txt", at=other)
    (other / "sub").mkdir()
    path = plugin.workspace_create(session, other / "sub", "rouser/fix", None)
    assert repo.git("rev-parse", "HEAD", at=path) == tip
    assert path.parent.name == "shop"


def test_a_bare_repository_will_do(make_repo, repo, plugin, session, tmp_path):
    repo.git("clone", "-q", "--bare", str(repo.path), str(tmp_path / "store.git"))
    path = plugin.workspace_create(session, tmp_path / "store.git", "rouser/fix", None)
    assert path.parent.name == "store"
    assert plugin.workspace_exists(path)
    assert plugin.workspace_describe(path) == "clean"
    plugin.workspace_destroy(path, force=False)
    assert not path.exists()


@pytest.mark.parametrize("name", ["with space", "größe", "-rf", "a'b\"c$d", "..."])
def test_repositories_may_be_named_anything(make_repo, plugin, session, tmp_path, name):
    made = make_repo(tmp_path / name / name)
    made.commit("a.txt")
    path = plugin.workspace_create(session, made.path, "rouser/fix", None)
    assert path in made.listed()
    assert not path.parent.name.startswith(("-", "."))
    assert plugin.workspace_exists(path)
    plugin.workspace_destroy(path, force=False)
    assert made.listed() == [made.path]


@pytest.mark.parametrize("name", ["-x", "--help", "@{-1}", "a..b", "", "HEAD", "a b", "x.lock", "a\nb", "main~1"])
def test_what_is_no_branch_name_is_refused(repo, plugin, session, base, name):
    repo.git("switch", "-q", "-c", "other")
    with pytest.raises(HookError, match="no name for a branch"):
        plugin.workspace_create(session, repo.path, name, None)
    assert repo.branches() == ["main", "other"]
    assert not base.exists()


@pytest.mark.parametrize("revision", ["nowhere", "--all", "-x", ""])
def test_an_unknown_base_is_refused_by_name(repo, spawn, session, revision):
    with pytest.raises(HookError, match="is no commit, branch or tag") as caught:
        spawn(session, base=revision)
    assert repr(revision) in str(caught.value)
    assert repo.branches() == ["main"]


def test_a_repository_without_commits_is_named_as_such(make_repo, plugin, session, tmp_path):
    empty = make_repo(tmp_path / "empty")
    with pytest.raises(HookError, match="has no commits yet"):
        plugin.workspace_create(session, empty.path, "rouser/fix", None)


def test_a_directory_that_is_in_no_repository_or_missing_is_refused(plugin, session, tmp_path):
    (tmp_path / "plain").mkdir()
    with pytest.raises(HookError, match="is not in a git repository"):
        plugin.workspace_create(session, tmp_path / "plain", "rouser/fix", None)
    with pytest.raises(HookError, match="is not there"):
        plugin.workspace_create(session, tmp_path / "gone", "rouser/fix", None)


def test_a_branch_that_is_checked_out_is_refused_with_its_place(repo, plugin, spawn, new_session):
    with pytest.raises(HookError, match="main is already checked out at") as caught:
        spawn(new_session(branch="main"))
    assert str(repo.path) in str(caught.value)
    first = spawn(new_session())
    with pytest.raises(HookError) as caught:
        spawn(new_session())
    assert str(first) in str(caught.value)


def test_creating_twice_returns_the_same_worktree_untouched(repo, spawn, session):
    path = spawn(session)
    (path / "new.txt").write_text("work")
    assert spawn(session) == path
    assert (path / "new.txt").read_text() == "work"
    assert len(repo.listed()) == 2


def test_a_directory_that_belongs_to_someone_else_is_avoided(spawn, session, base):
    taken = base / "shop" / session.short_id
    taken.mkdir(parents=True)
    (taken / "theirs").write_text("x")
    path = spawn(session)
    assert path == base / "shop" / session.id
    assert (taken / "theirs").read_text() == "x"
    assert spawn(session) == path


def test_two_sessions_with_the_same_short_id_get_two_worktrees(spawn, new_session):
    one = new_session()
    other = one._replace(id=one.short_id + "-0000-4000-8000-000000000000", branch="rouser/other")
    assert spawn(one) != spawn(other)


def test_five_sessions_at_once_in_one_repository_all_succeed(repo, spawn, new_session):
    sessions = [new_session(branch=f"rouser/{number}") for number in range(5)]
    with ThreadPoolExecutor(5) as pool:
        paths = list(pool.map(spawn, sessions))
    assert set(paths) <= set(repo.listed())
    assert len(set(paths)) == 5
    repo.git("fsck", "--strict")


def test_of_five_at_once_for_one_new_branch_one_wins_and_keeps_it(repo, spawn, new_session):
    def attempt(session):
        try:
            return spawn(session)
        except HookError as error:
            return error

    with ThreadPoolExecutor(5) as pool:
        results = list(pool.map(attempt, [new_session() for _ in range(5)]))
    won = [result for result in results if not isinstance(result, HookError)]
    assert len(won) == 1, results
    assert repo.listed() == [repo.path, *won]
    assert repo.git("branch", "--show-current", at=won[0]) == "rouser/fix"
    assert "rouser/fix" in repo.branches()


def test_a_branch_that_is_just_being_checked_out_for_another_session_is_refused(repo, spawn, new_session, base):
    spawn(new_session(branch="rouser/first"))
    with (
        claiming(base / "shop", repo.path / ".git", "rouser/fix"),
        pytest.raises(HookError, match="is being checked out for another session"),
    ):
        spawn(new_session())
    assert spawn(new_session()).is_dir()


def test_a_worktree_that_another_git_has_begun_to_add_is_waited_for(repo, spawn, session):
    begun = repo.path / ".git" / "worktrees" / "begun"
    begun.mkdir(parents=True)
    (begun / "gitdir").write_text("/nowhere/.git\n")
    (begun / "HEAD").write_text("ref: refs/heads/begun\n")
    (begun / "commondir").touch()
    later = threading.Timer(0.3, shutil.rmtree, [begun])
    later.start()
    try:
        assert spawn(session).is_dir()
    finally:
        later.join()


def test_the_callers_git_variables_do_not_reach_git(repo, make_repo, spawn, session, monkeypatch, tmp_path):
    other = make_repo(tmp_path / "other")
    other.commit("theirs.txt")
    index = other.path / ".git" / "index"
    before = index.read_bytes()
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(index))
    monkeypatch.setenv("GIT_COMMON_DIR", str(other.path / ".git"))
    path = spawn(session)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR"):
        assert name in os.environ
        monkeypatch.delenv(name)
    assert path in repo.listed()
    assert index.read_bytes() == before
    assert repo.git("status", "--porcelain", at=path) == ""


def test_the_main_checkouts_index_stash_and_config_stay_as_they_are(repo, plugin, spawn, session):
    (repo.path / "a.txt").write_text("stashed")
    repo.git("stash", "-q")
    (repo.path / "staged.txt").write_text("x")
    repo.git("add", "staged.txt")
    files = ["index", "config", "refs/stash", "HEAD"]
    before = [(repo.path / ".git" / name).read_bytes() for name in files]
    path = spawn(session)
    plugin.workspace_describe(path)
    plugin.workspace_destroy(path, force=False)
    assert [(repo.path / ".git" / name).read_bytes() for name in files] == before


def test_a_locale_in_another_language_does_not_matter(repo, spawn, new_session, monkeypatch):
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("LANGUAGE", "de")
    repo.hook("post-checkout", 'echo "$LC_CTYPE $LC_ALL" > locale.txt')
    path = spawn(new_session())
    assert (path / "locale.txt").read_text() == "de_DE.UTF-8 \n"


def test_importing_the_plugin_imports_neither_gitpython_nor_subprocess(tmp_path):
    code = "import sys, rouser_worktree.plugin; print({'git', 'subprocess', 'platformdirs'} & set(sys.modules))"
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True, cwd=tmp_path
    )
    assert out.stdout.strip() == "set()"


def test_importing_gitpython_leaves_the_environment_as_it_was(tmp_path):
    code = "import os; before = dict(os.environ); import rouser_worktree.library; print(before == dict(os.environ))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True, cwd=tmp_path
    )
    assert done.stdout.strip() == "True"
