"""Snapshots: all work is in them, byte for byte, nothing of the user's changes, and they come back."""

import fcntl
import os
import shutil
import signal
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from rouser import HookError
from rouser.git_snapshots import staging


@pytest.fixture
def made(spawn, session):
    """Return a session with its worktree, and the path."""
    path = spawn(session)
    return session._replace(workspace_path=path), path


@pytest.fixture
def take(plugin, made):
    return lambda reason="by hand": plugin.workspace_snapshot(made[0], made[1], reason)


def state_of(path):
    """Return everything that a program could notice: names, kinds, modes, bytes, times of files, the index included."""
    found = {}
    for place in path.rglob("*"):
        status = place.lstat()
        data = None
        if stat.S_ISREG(status.st_mode):
            data = place.read_bytes()
        elif stat.S_ISLNK(status.st_mode):
            data = os.readlink(place)  # noqa: PTH115 - Path tidies what the link says
        found[place] = (status.st_mode, data, status.st_mtime_ns if not stat.S_ISDIR(status.st_mode) else None)
    return found


def private_of(repo, path):
    return repo.path / ".git" / "worktrees" / path.name


def content(path):
    return {name: value for name, value in state_of(path).items() if name != path / ".git"}


def lose(path):
    shutil.rmtree(path)


def bring_back(plugin, session, path, number):
    plugin.workspace_restore(session, path)
    return plugin.workspace_restore_snapshot(session, path, number, False)


def test_a_snapshot_has_modified_staged_untracked_and_deleted_files(repo, made, take):
    session, path = made
    repo.commit("gone.txt", at=path)
    (path / "a.txt").write_text("changed\n")
    (path / "new").mkdir()
    (path / "new" / "file").write_text("new\n")
    (path / "staged").write_text("staged\n")
    repo.git("add", "staged", at=path)
    (path / "gone.txt").unlink()
    taken = take()
    assert (taken.number, taken.files, taken.reason, taken.left_out) == (1, 4, "by hand", ())
    assert taken.bytes == len("changed\nnew\nstaged\n")
    names = repo.git("ls-tree", "-r", "--name-only", taken.commit).split()
    assert names == ["a.txt", "new/file", "staged"]
    assert repo.git("show", f"{taken.commit}:a.txt") == "changed"
    assert repo.git("rev-parse", f"{taken.commit}^1") == repo.git("rev-parse", session.branch)
    assert repo.git("rev-parse", f"refs/rouser/{session.id}/1") == taken.commit


def test_nothing_of_the_users_is_touched(repo, made, take):
    _, path = made
    (path / "a.txt").write_text("staged\n")
    repo.git("add", "a.txt", at=path)
    (path / "a.txt").write_text("changed\n")
    (path / "untracked").write_text("new\n")
    (repo.path / "stashed").write_text("x")
    repo.git("stash", "push", "-u")
    for hook in ("post-checkout", "pre-commit", "reference-transaction", "post-index-change"):
        file = repo.path / ".git" / "hooks" / hook
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\ntouch {repo.path}/../canary\n")
        file.chmod(0o755)
    repo.git("config", "core.fsmonitor", f"touch {repo.path}/../canary #")
    before = state_of(path), state_of(private_of(repo, path)), repo.git("reflog", "--all"), repo.git("stash", "list")
    assert take()
    assert (
        state_of(path),
        state_of(private_of(repo, path)),
        repo.git("reflog", "--all"),
        repo.git("stash", "list"),
    ) == before
    assert not (repo.path / ".." / "canary").exists()


def test_nothing_new_gives_no_snapshot(made, take):
    _, path = made
    assert take() is None
    (path / "a.txt").write_text("changed\n")
    assert take().number == 1
    assert take() is None
    os.utime(path / "a.txt", (1, 1))
    assert take() is None


def test_what_was_kept_and_then_committed_gives_another_snapshot(repo, made, take):
    _, path = made
    (path / "scratch").write_text("x")
    take()
    repo.commit("scratch", at=path)
    assert (take().files, take()) == (0, None)


def test_a_staged_change_that_was_undone_in_the_file_is_kept(repo, plugin, made, take):
    session, path = made
    before = (path / "a.txt").read_text()
    (path / "a.txt").write_text("only staged\n")
    repo.git("add", "a.txt", at=path)
    (path / "a.txt").write_text(before)
    taken = take()
    repo.git("worktree", "remove", "--force", str(path))
    assert bring_back(plugin, session, path, taken.number) == []
    assert (path / "a.txt").read_text() == before
    assert repo.git("show", ":a.txt", at=path) == "only staged"


@pytest.mark.parametrize("way", ["directory deleted", "removed by git", "pruned, and the branch deleted"])
def test_work_comes_back_byte_for_byte(repo, plugin, made, take, way):
    session, path = made
    repo.commit("dir", at=path)
    (path / ".gitattributes").write_text("*.crlf text eol=crlf\n*.upper filter=upper\n*.id ident\n")
    repo.git("config", "filter.upper.clean", "tr a-z A-Z")
    repo.git("config", "filter.upper.smudge", "tr A-Z a-z")
    (path / "x.crlf").write_bytes(b"one\r\ntwo\nthree\r")
    (path / "x.upper").write_bytes(b"MiXeD")
    (path / "x.id").write_bytes(b"$Id: mine $")
    (path / "empty").write_bytes(b"")
    (path / "binary").write_bytes(bytes(range(256)) * 300)
    (path / "run").write_text("#!/bin/sh\n")
    (path / "run").chmod(0o755)
    (path / 'new\nline "quoted" \\ tab\t').write_text("odd")
    (path / '"begins').write_text("quoted")
    (path / " spaces ").write_text("spaces")
    (path / "-dash").write_text("dash")
    (path / os.fsdecode(b"\xff\xfe")).mkdir()
    (path / os.fsdecode(b"\xff\xfe/\xe9")).write_bytes(b"latin")
    (path / "link").symlink_to("a.txt")
    (path / "odd link").symlink_to("no//such/../\nplace")
    (path / "dir").unlink()
    (path / "dir").mkdir()
    (path / "dir" / "file").write_text("was a file")
    (path / "a.txt").unlink()
    repo.git("add", "-N", "binary", at=path)
    wanted = {name: (mode, data) for name, (mode, data, _) in content(path).items()}
    taken = take()
    if way == "directory deleted":
        lose(path)
    else:
        repo.git("worktree", "remove", "--force", str(path))
    if "branch deleted" in way:
        repo.git("branch", "-D", session.branch)
    assert bring_back(plugin, session, path, taken.number) == []
    assert {name: (mode, data) for name, (mode, data, _) in content(path).items()} == wanted
    assert repo.git("symbolic-ref", "--short", "HEAD", at=path) == session.branch
    assert repo.git("rev-parse", "HEAD", at=path) == repo.git("rev-parse", f"{taken.commit}^1")


def test_unmerged_files_are_kept_as_they_are(repo, plugin, made, take):
    session, path = made
    repo.commit("a.txt", "theirs\n")
    repo.commit("a.txt", "ours\n", at=path)
    subprocess.run(["git", "merge", "main"], cwd=path, capture_output=True, check=False)
    marked = (path / "a.txt").read_text()
    assert "<<<<<<<" in marked
    taken = take()
    assert taken.left_out == ("a merge is not finished: the files are kept, but not that",)
    repo.git("worktree", "remove", "--force", str(path))
    assert bring_back(plugin, session, path, 1) == []
    assert (path / "a.txt").read_text() == marked


def test_a_detached_head_is_kept_with_its_commits(repo, made, take):
    _, path = made
    repo.git("checkout", "-q", "--detach", at=path)
    commit = repo.commit("b.txt", at=path)
    taken = take()
    assert repo.git("rev-parse", f"{taken.commit}^1") == commit
    repo.git("worktree", "remove", "--force", str(path))
    repo.git("reflog", "expire", "--expire=now", "--all")
    repo.git("gc", "-q", "--prune=now")
    assert repo.git("cat-file", "-t", commit) == "commit"


def test_an_orphan_branch_is_kept_without_a_parent(repo, made, take):
    _, path = made
    repo.git("checkout", "-q", "--orphan", "fresh", at=path)
    taken = take()
    assert repo.git("rev-list", "--parents", "-1", taken.commit) == taken.commit
    assert repo.git("ls-tree", "--name-only", taken.commit) == "a.txt"


def test_what_a_sparse_checkout_leaves_out_stays_in_the_tree(repo, made, take):
    _, path = made
    (path / "in").mkdir()
    (path / "out").mkdir()
    repo.commit("in/x", at=path)
    repo.commit("out/y", at=path)
    repo.git("sparse-checkout", "set", "in", at=path)
    assert not (path / "out").exists()
    (path / "in" / "x").write_text("changed")
    taken = take()
    assert (taken.files, repo.git("show", f"{taken.commit}:out/y")) == (1, "text")


def test_ignored_and_large_files_are_left_out_and_said(repo, plugin, made):
    session, path = made
    (path / ".gitignore").write_text("*.log\nbuild/\n")
    (path / "build").mkdir()
    for name in ("x.log", "build/a", "build/b"):
        (path / name).write_text("ignored")
    (path / "large").write_bytes(b"x" * 1025)
    (path / "fits").write_bytes(b"x" * 1024)
    plugin.plugin_configure({"base": str(plugin.base), "snapshot_max_file_size": "1k"})
    taken = plugin.workspace_snapshot(session, path, "x")
    assert sorted(taken.left_out) == ["build/: ignored", "large: 1025 bytes, more than 1024", "x.log: ignored"]
    assert repo.git("ls-tree", "-r", "--name-only", taken.commit).split() == [".gitignore", "a.txt", "fits"]
    plugin.plugin_configure({"base": str(plugin.base), "snapshot_ignored": "true"})
    taken = plugin.workspace_snapshot(session, path, "x")
    assert taken.left_out == ()
    assert {"build/a", "build/b", "x.log", "large"} <= set(
        repo.git("ls-tree", "-r", "--name-only", taken.commit).split()
    )


@pytest.mark.parametrize(
    "settings", [{"snapshot_max_file_size": "1T"}, {"snapshot_max_file_size": True}, {"snapshot_ignored": "maybe"}]
)
def test_unusable_settings_are_named(plugin, settings):
    with pytest.raises(HookError, match=next(iter(settings))):
        plugin.plugin_configure(settings)


def test_files_of_nested_repositories_and_submodules_are_kept(repo, make_repo, plugin, made, take, tmp_path):
    session, path = made
    library = make_repo(tmp_path / "library")
    library.commit("lib.c")
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library.path), "sub", at=path)
    repo.git("commit", "-qm", "Add sub", at=path)
    (path / "sub" / "lib.c").write_text("changed in the submodule")
    nested = make_repo(path / "nested")
    nested.commit("inner")
    (path / "nested" / "loose").write_text("untracked in it")
    taken = take()
    assert [line.partition(":")[0] for line in sorted(taken.left_out)] == ["nested", "sub"]
    repo.git("worktree", "remove", "--force", "--force", str(path))
    assert bring_back(plugin, session, path, 1) == []
    assert (path / "sub" / "lib.c").read_text() == "changed in the submodule"
    assert (path / "nested" / "inner").read_text() == "text\n"
    assert (path / "nested" / "loose").read_text() == "untracked in it"


def test_a_lock_left_on_the_index_is_in_nobodys_way(repo, made, take):
    _, path = made
    (private_of(repo, path) / "index.lock").touch()
    (path / "a.txt").write_text("changed")
    assert take().files == 1


def test_no_identity_is_needed(made, take, monkeypatch):
    for name in [name for name in os.environ if name.startswith(("GIT_AUTHOR", "GIT_COMMITTER"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("EMAIL", "")
    (made[1] / "a.txt").write_text("changed")
    assert take().files == 1


def test_concurrent_snapshots_get_numbers_of_their_own(repo, plugin, made):
    session, path = made
    (path / "a.txt").write_text("changed")
    results = []

    def one(number):
        (path / f"new-{number}").write_text("x")
        results.append(plugin.workspace_snapshot(session, path, str(number)))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [taken.number for taken in results if taken is not None]
    assert len(results) == 6
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert [one.number for one in plugin.workspace_snapshots(session)] == sorted(numbers, reverse=True)


def test_a_store_that_cannot_be_written_is_an_error_and_leaves_no_reference(repo, plugin, made, take, monkeypatch):
    session, path = made
    (path / "a.txt").write_text("changed")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.compression")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "nonsense")
    with pytest.raises(HookError, match=r"git .* failed"):
        take()
    monkeypatch.delenv("GIT_CONFIG_COUNT")
    assert plugin.workspace_snapshots(session) == []


def test_committed_work_is_newer_than_a_snapshot(repo, plugin, made, take):
    session, path = made
    (path / "a.txt").write_text("draft\n")
    (path / "scratch").write_text("kept\n")
    take()
    repo.commit("a.txt", "finished\n", at=path)
    lose(path)
    assert bring_back(plugin, session, path, 1) == ["a.txt"]
    assert (path / "a.txt").read_text() == "finished\n"
    assert (path / "scratch").read_text() == "kept\n"


def test_what_was_staged_after_a_snapshot_is_newer(repo, plugin, made, take):
    session, path = made
    (path / "a.txt").write_text("draft\n")
    (path / "b.txt").write_text("both\n")
    take()
    (path / "a.txt").write_text("staged later\n")
    repo.git("add", "a.txt", at=path)
    lose(path)
    assert bring_back(plugin, session, path, 1) == ["a.txt"]
    assert (path / "a.txt").read_text() == "staged later\n"
    assert (path / "b.txt").read_text() == "both\n"


def test_what_was_staged_before_the_last_edit_gives_way_to_it(repo, plugin, made, take):
    session, path = made
    (path / "a.txt").write_text("staged\n")
    repo.git("add", "a.txt", at=path)
    (path / "a.txt").write_text("edited after\n")
    take()
    lose(path)
    assert bring_back(plugin, session, path, 1) == []
    assert (path / "a.txt").read_text() == "edited after\n"
    assert repo.git("show", ":a.txt", at=path) == "staged"


def test_overwriting_replaces_what_changed_since_and_leaves_the_rest(plugin, made, take):
    session, path = made
    (path / "a.txt").write_text("first\n")
    take()
    (path / "a.txt").write_text("second\n")
    (path / "later").write_text("stays")
    assert plugin.workspace_restore_snapshot(session, path, 1, True) == []
    assert (path / "a.txt").read_text() == "first\n"
    assert (path / "later").read_text() == "stays"


def test_nothing_is_written_through_a_link_or_over_a_directory(plugin, made, take, tmp_path):
    session, path = made
    (path / "dir").mkdir()
    (path / "dir" / "file").write_text("kept")
    (path / "name").write_text("kept")
    take()
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.rmtree(path / "dir")
    (path / "dir").symlink_to(outside)
    (path / "name").unlink()
    (path / "name").mkdir()
    assert plugin.workspace_restore_snapshot(session, path, 1, True) == ["dir/file", "name"]
    assert list(outside.iterdir()) == []


def test_a_worktree_that_lost_its_git_file_can_be_kept(made, take):
    _, path = made
    (path / "a.txt").write_text("changed")
    (path / ".git").unlink()
    assert take().files == 1


def test_what_is_no_worktree_any_more_is_an_error(repo, made, take):
    _, path = made
    (path / ".git").unlink()
    shutil.rmtree(private_of(repo, path))
    with pytest.raises(HookError, match="no longer a worktree"):
        take()


def test_snapshots_outlive_the_worktree_and_its_record_and_can_be_dropped(plugin, made, take):
    session, path = made
    (path / "a.txt").write_text("changed")
    taken = take()
    plugin.workspace_destroy(path, True)
    assert plugin.workspace_snapshots(session) == [taken]
    plugin.workspace_drop_snapshot(session, 1)
    plugin.workspace_drop_snapshot(session, 1)
    assert plugin.workspace_snapshots(session) == []


def test_a_missing_snapshot_is_named(plugin, made):
    session, path = made
    with pytest.raises(HookError, match="no snapshot 7; there are: none"):
        plugin.workspace_restore_snapshot(session, path, 7, True)


def test_a_file_that_keeps_changing_is_kept_in_some_state(plugin, made, take):
    _, path = made
    over = threading.Event()

    def agent():
        while not over.is_set():
            for number in range(20):
                (path / f"t{number}").write_text("x")
                (path / f"t{number}").unlink()

    thread = threading.Thread(target=agent)
    (path / "a.txt").write_text("changed")
    thread.start()
    try:
        assert all(taken is None or taken.files >= 1 for taken in (take() for _ in range(5)))
    finally:
        over.set()
        thread.join()


def rest_of(repo):
    """Return what is in the repository that only somebody at work on snapshots has there."""
    git = repo.path / ".git"
    return [*git.glob("rouser*"), *git.rglob("*.lock")]


@pytest.mark.parametrize("last", ["update-index", "write-tree", "commit-tree", "update-ref"])
def test_what_a_killed_snapshot_leaves_goes_with_the_next_one(repo, made, take, tmp_path, monkeypatch, last):
    """The process that takes it is killed together with its git."""
    _, path = made
    (path / "new").write_text("new\n")
    wrapper = tmp_path / "bin" / "git"
    wrapper.parent.mkdir()
    wrapper.write_text(
        f'#!/bin/sh\ncase " $* " in *" {last} "*) kill -9 $PPID;; *) exec {shutil.which("git")} "$@";; esac'
    )
    wrapper.chmod(0o755)
    pid = os.fork()
    if not pid:
        os.environ["PATH"] = f"{wrapper.parent}:{os.environ['PATH']}"
        try:
            take()
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    assert rest_of(repo)
    assert take() is not None
    assert not rest_of(repo)


@pytest.fixture
def staged(repo, plugin, made, take):
    """Lose a worktree with something staged, and have it back without that."""
    session, path = made
    (path / "a.txt").write_text("staged\n")
    repo.git("add", "a.txt", at=path)
    take()
    repo.git("worktree", "remove", "--force", str(path))
    plugin.workspace_restore(session, path)
    return session, path


@pytest.mark.parametrize("whole", [0, 1, len("index"), -1])
def test_a_note_on_a_new_index_that_was_not_written_whole_tells_of_nothing(tmp_path, whole):
    """A full disk, or a kill, may have left any beginning of it; one is the name of the index itself."""
    place = tmp_path / "rouser-snapshot.5b1e.0a1b"
    place.mkdir()
    index = tmp_path / "index"
    index.write_text("the index")
    noted = f"{index}.{place.name}"
    length = len(str(index)) if whole == len("index") else whole
    (place / "index-to-be").write_text(noted[:length])
    staging.clear(place)
    assert index.read_text() == "the index"
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("moment", ["hardlink_to", "replace", "clear"])
def test_who_is_killed_while_staging_again_leaves_no_lock_that_stays(repo, plugin, staged, monkeypatch, moment):
    session, path = staged

    def put_back():
        return plugin.workspace_restore_snapshot(session, path, 1, False)

    def deadly(file, *arguments):
        if file.name.startswith("index"):
            os.kill(os.getpid(), signal.SIGKILL)
        return survived(file, *arguments)

    pid = os.fork()
    if not pid:
        try:
            if moment == "clear":
                monkeypatch.setattr(staging, "clear", lambda place: os.kill(os.getpid(), signal.SIGKILL))
            else:
                survived = getattr(Path, moment)
                monkeypatch.setattr(Path, moment, deadly)
            put_back()
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    assert list(private_of(repo, path).glob("index.*"))
    assert put_back() == []
    assert not list(private_of(repo, path).glob("index.*"))
    assert repo.git("show", ":a.txt", at=path) == "staged"
    assert repo.git("status", "--porcelain", at=path) == "M  a.txt"


def test_an_index_that_somebody_has_locked_stays_as_it_is(repo, plugin, staged):
    session, path = staged
    lock = private_of(repo, path) / "index.lock"
    lock.touch()
    assert plugin.workspace_restore_snapshot(session, path, 1, False) == []
    assert list(private_of(repo, path).glob("index.*")) == [lock]
    assert (path / "a.txt").read_text() == "staged\n"
    assert repo.git("show", ":a.txt", at=path) != "staged"


def test_a_lock_of_a_git_that_was_killed_is_not_in_the_way_of_snapshots(repo, made, take):
    session, path = made
    (path / "new").write_text("new\n")
    lock = repo.path / ".git" / "refs" / "rouser" / session.id / "1.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    assert take().number == 1
    assert not lock.exists()


def test_a_lock_is_left_alone_while_somebody_else_takes_a_snapshot_of_the_session(repo, made, take):
    session, path = made
    (path / "new").write_text("new\n")
    lock = repo.path / ".git" / "refs" / "rouser" / session.id / "1.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    other = repo.path / ".git" / f"rouser-snapshot.{session.id}.01234567"
    other.mkdir()
    with (other / "held").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(HookError):
            take()
        assert lock.exists()
        assert other.exists()


def test_a_draft_of_a_restore_that_was_killed_is_no_work_and_goes(plugin, made, take):
    session, path = made
    for name in ("new", "sub/new"):
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text("new\n")
    number = take().number
    drafts = [path / ".rouser-draft-0123456789abcdef", path / "sub" / ".rouser-draft-0123456789abcdef"]
    for draft in drafts:
        draft.write_text("")
    assert take() is None
    (path / "new").unlink()
    assert plugin.workspace_restore_snapshot(session, path, number, False) == []
    assert (path / "new").read_text() == "new\n"
    assert not [draft for draft in drafts if draft.exists()]
