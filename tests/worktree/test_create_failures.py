"""What is left when making a worktree fails, hangs, or is killed: nothing, or something to go on from."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from rouser import HookError
from rouser.deadline import call_within

KILLED = """
import sys
from pathlib import Path
from datetime import UTC, datetime
from rouser import Session, SessionStatus
from rouser_worktree.plugin import WorktreeWorkspace
base, repository, session_id = sys.argv[1:]
plugin = WorktreeWorkspace()
plugin.plugin_configure({"base": base})
now = datetime.now(UTC)
session = Session(id=session_id, project_id="shop", status=SessionStatus.SPAWNING, agent="a", runtime="r",
    workspace="worktree", repository=Path(repository), branch="rouser/fix", created_at=now, updated_at=now)
plugin.workspace_create(session, session.repository, session.branch, None)
"""


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, timeout=30, check=False
    )
    return not state.stdout.strip().startswith("Z") and bool(state.stdout.strip())


def pids_in(file):
    return [int(word) for word in file.read_text().split()]


def assert_nothing_is_left(repo, base):
    assert repo.branches() == ["main"]
    assert repo.listed() == [repo.path]
    assert not list((repo.path / ".git").glob("worktrees/*"))
    assert list((base / "shop").iterdir()) == []


@pytest.mark.parametrize("ignore", ["", "trap '' TERM; "])
def test_a_hook_that_hangs_is_ended_with_its_children_and_named(repo, spawn, session, base, tmp_path, ignore):
    pids = tmp_path / "pids"
    repo.hook("post-checkout", f"{ignore}sleep 60 & echo $$ $! > {pids}; wait; for n in 1 2 3; do sleep 20; done")
    started = time.monotonic()
    with pytest.raises(HookError, match="post-checkout hook hangs"):
        call_within(10, lambda: spawn(session))
    assert time.monotonic() - started < 20
    assert len(pids_in(pids)) == 2
    assert not any(is_alive(pid) for pid in pids_in(pids))
    assert_nothing_is_left(repo, base)


def test_a_git_that_was_stopped_is_ended(repo, spawn, session, base, tmp_path, until):
    pids = tmp_path / "pids"
    repo.hook("post-checkout", f"echo $PPID > {pids}; kill -STOP $PPID; exec sleep 60")
    with pytest.raises(HookError, match="still running"):
        call_within(6, lambda: spawn(session))
    assert not any(is_alive(pid) for pid in pids_in(pids))
    assert_nothing_is_left(repo, base)


def test_a_hook_that_fails_is_named_and_nothing_is_left(repo, spawn, session, base):
    repo.hook("post-checkout", "echo 'no large file support' >&2; exit 3")
    with pytest.raises(HookError, match=r"post-checkout hook of .* failed: no large file support"):
        spawn(session)
    assert_nothing_is_left(repo, base)


def test_what_a_hook_leaves_running_on_purpose_does_not_delay(repo, spawn, session, tmp_path):
    pids = tmp_path / "pids"
    repo.hook("post-checkout", f"sleep 60 & echo $! > {pids}")
    path = call_within(10, lambda: spawn(session))
    (pid,) = pids_in(pids)
    try:
        assert is_alive(pid)
        assert path.is_dir()
    finally:
        os.kill(pid, signal.SIGKILL)


def test_a_branch_that_was_there_before_survives_a_failure(repo, spawn, session):
    repo.git("branch", "rouser/fix")
    repo.hook("post-checkout", "exit 1")
    with pytest.raises(HookError):
        spawn(session)
    assert repo.branches() == ["main", "rouser/fix"]


def test_a_created_branch_with_commits_of_its_own_survives_a_failure(repo, spawn, session):
    repo.hook("post-checkout", "git commit -q --allow-empty -m kept; exit 1")
    with pytest.raises(HookError):
        spawn(session)
    assert repo.git("log", "-1", "--format=%s", "rouser/fix") == "kept"


def test_a_filter_that_breaks_the_checkout_leaves_nothing(repo, spawn, session, base):
    repo.commit(".gitattributes", "* filter=broken\n")
    repo.git("config", "filter.broken.smudge", "false")
    repo.git("config", "filter.broken.required", "true")
    with pytest.raises(HookError, match="git worktree add failed"):
        spawn(session)
    assert_nothing_is_left(repo, base)


def test_a_missing_git_is_one_line(repo, session, base, tmp_path):
    (tmp_path / "bin").mkdir()
    environment = os.environ | {"PATH": str(tmp_path / "bin")}
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(base), str(repo.path), session.id],
        env=environment, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.stderr.splitlines()[-1].startswith("rouser.errors.HookError: git is not installed")


def with_git(tmp_path, text):
    """Return an environment whose git is a script."""
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "git"
    fake.write_text(f"#!/bin/sh\n{text}\n")
    fake.chmod(0o755)
    return os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sleep 60", "git rev-parse was still running"),
        ("echo git version 2.17.0", "git 2.17.0 is too old"),
        (  # an old one answers all but this
            'case "$*" in version) echo git version 2.17.0;; *--end-of-options*) exit 128;; *) exec {git} "$@";; esac',
            "git 2.17.0 is too old",
        ),
        (
            'case "$*" in version) exec {git} "$@";; *) echo nonsense;; esac',
            "git rev-parse --git-common-dir says 'nonsense'",
        ),
    ],
)
def test_an_unusable_git_is_named(repo, session, base, tmp_path, text, message):
    code = (
        KILLED.replace(
            "plugin.workspace_create(",
            "from rouser.deadline import call_within\ncall_within(3, lambda: plugin.workspace_create(",
        ).rstrip()
        + ")"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(base), str(repo.path), session.id],
        env=with_git(tmp_path, text.replace("{git}", shutil.which("git"))),
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert message in done.stderr.splitlines()[-1]


def test_a_git_that_hangs_is_named_before_gitpython_is_imported(spawn, session, tmp_path):
    code = """
import sys
from pathlib import Path
from rouser.deadline import call_within
from rouser_worktree.plugin import WorktreeWorkspace
call_within(3, lambda: WorktreeWorkspace().workspace_describe(Path(sys.argv[1])))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(spawn(session))],
        env=with_git(tmp_path, "sleep 60"), capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert "git version was still running" in done.stderr.splitlines()[-1]


def start_and_kill(repo, base, session, until, marker):
    """Kill a process that is making the session's worktree once ``marker`` is there; its git goes on."""
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(base), str(repo.path), session.id])
    until(marker.exists)
    process.kill()
    process.wait(10)


def test_killed_in_the_hook_the_next_call_waits_for_it_and_goes_on(repo, plugin, spawn, session, base, tmp_path, until):
    marker, release = tmp_path / "marker", tmp_path / "release"
    repo.hook(
        "post-checkout",
        f"echo run >> {marker}; n=0; while [ ! -e {release} ] && [ $((n += 1)) -lt 600 ]; do sleep 0.05; done; echo once >> prepared",
    )
    start_and_kill(repo, base, session, until, marker)
    with pytest.raises(HookError, match="an earlier git still works on"):
        call_within(1, lambda: spawn(session))
    release.touch()
    path = spawn(session)
    assert (path / "prepared").read_text() == "once\n"
    assert marker.read_text() == "run\n"
    (path / "kept").touch()
    assert plugin.workspace_exists(path)
    assert spawn(session) == path
    assert (path / "kept").exists()
    plugin.workspace_destroy(path, force=True)
    assert_nothing_is_left(repo, base)


def test_killed_half_way_through_the_checkout_it_is_made_anew(repo, plugin, spawn, session, base, tmp_path, until):
    """The checkout stops in a filter; then rouser is killed, and git with it, as in a power failure."""
    marker = tmp_path / "marker"
    repo.commit(".gitattributes", "slow filter=slow\n")
    repo.commit("slow")
    script = tmp_path / "slow.sh"
    script.write_text(f"#!/bin/sh\nps -o pgid= -p $$ > {tmp_path}/pgid; touch {marker}; exec sleep 60\n")
    script.chmod(0o755)
    repo.git("config", "filter.slow.smudge", str(script))
    start_and_kill(repo, base, session, until, marker)
    os.killpg(int((tmp_path / "pgid").read_text()), signal.SIGKILL)
    half_made = base / "shop" / session.short_id
    assert json.loads((half_made.parent / f".{half_made.name}.json").read_text())["ready"] is False
    assert half_made.exists()
    repo.git("config", "filter.slow.smudge", "cat")
    path = spawn(session)
    assert path == half_made
    assert repo.git("status", "--porcelain", at=path) == ""
    assert len(repo.listed()) == 2
    plugin.workspace_destroy(path, force=False)
    assert_nothing_is_left(repo, base)


def test_what_was_half_made_when_its_repository_vanished_can_be_removed(repo, plugin, spawn, session, base):
    path = spawn(session)
    record = path.parent / f".{path.name}.json"
    record.write_text(record.read_text().replace('"ready": true', '"ready": false'))
    shutil.rmtree(path)
    plugin.workspace_destroy(path, force=False)
    assert_nothing_is_left(repo, base)


@pytest.mark.parametrize("other", ["rouser", "rouser/fix/it"])
def test_a_branch_that_leaves_no_place_for_another_is_named_and_nothing_is_left(repo, spawn, session, base, other):
    repo.git("branch", other)
    with pytest.raises(HookError, match=f"^branch rouser/fix cannot be made beside branch {other}; ") as caught:
        spawn(session)
    assert "\n" not in str(caught.value)
    assert list((base / "shop").iterdir()) == []
    repo.git("branch", "-m", other, "elsewhere")
    assert spawn(session).is_dir()
