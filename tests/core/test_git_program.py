"""Git, run for workspace plugins."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.repositories import Repo, among_gits, isolate_git, new_repo
from support.waiting import wait_for
from support.world import running

from rouser import GitFailedError, GitTimeoutError, HookError, operation_under_way, require_git, run_git
from rouser.deadline import call_within


@pytest.fixture(autouse=True)
def _among_gits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with among_gits(tmp_path_factory):
        yield


@pytest.fixture(autouse=True)
def _isolated_git(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    isolate_git(monkeypatch, tmp_path_factory.getbasetemp())


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = new_repo(tmp_path / "shop")
    made.commit("a.txt")
    return made


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What runs in place of git, once something is written to it."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return tmp_path / "bin" / "git"


def write(script: Path, text: str) -> None:
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)


def test_git_reads_and_is_given_variables_and_what_it_prints_comes_back_byte_for_byte(repo: Repo) -> None:
    text = b"\xff\x00\n" * 50_000
    blob = run_git(repo.path, ["hash-object", "-w", "--stdin"], text).strip().decode()
    assert run_git(repo.path, ["cat-file", "blob", blob]) == text
    assert run_git(repo.path, ["var", "GIT_AUTHOR_IDENT"], variables={"GIT_AUTHOR_NAME": "Zoe"}).startswith(b"Zoe ")


def test_a_failure_is_one_line_with_all_that_git_said_beside_it(script: Path, tmp_path: Path) -> None:
    write(script, "echo half; echo warning: this >&2; echo fatal: no such thing >&2; echo hint: try >&2; exit 129")
    with pytest.raises(GitFailedError) as raised:
        run_git(tmp_path, ["-c", "a.b=c", "--git-dir=x", "worktree", "add", "--", "y"])
    assert str(raised.value) == "git worktree add failed: no such thing"
    assert (raised.value.status, raised.value.output) == (129, b"half\n")
    assert raised.value.errors == "warning: this\nfatal: no such thing\nhint: try\n"
    assert not raised.value.collided


def test_a_git_that_was_killed_tells_the_signal(script: Path, tmp_path: Path) -> None:
    write(script, "kill -KILL $$")
    with pytest.raises(GitFailedError, match="git status failed: exit status -9") as raised:
        run_git(tmp_path, ["status"])
    assert raised.value.status == -9


def test_what_binds_to_another_repository_is_not_passed_on(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in repo.git("rev-parse", "--local-env-vars").split():
        if name != "GIT_CONFIG_COUNT":
            monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    found = run_git(repo.path, ["rev-parse", "--absolute-git-dir"])
    assert Path(os.fsdecode(found).strip()) == repo.path / ".git"


def test_git_speaks_english_and_asks_nobody(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("GIT_EDITOR", "vi")
    write(script, 'echo "$LC_ALL,$LC_MESSAGES,$LC_CTYPE,$GIT_TERMINAL_PROMPT,$GIT_EDITOR"')
    assert run_git(tmp_path, ["commit"]) == b",C,de_DE.UTF-8,0,:\n"


def test_a_git_that_hangs_is_ended_in_time_with_what_it_started(script: Path, tmp_path: Path) -> None:
    write(script, f"sleep 1000 & echo $! > {tmp_path}/child; wait")
    begun = time.monotonic()
    with pytest.raises(GitTimeoutError, match=r"git fetch was still running in .* and was ended"):
        call_within(3, lambda: run_git(tmp_path, ["fetch"], reserve=0.5))
    assert time.monotonic() - begun < 20
    child = int((tmp_path / "child").read_text())
    wait_for(lambda: not running(child), "its child to be gone")


def test_a_background_process_that_keeps_the_output_open_is_not_waited_for(script: Path, tmp_path: Path) -> None:
    write(script, f"sleep 1000 & echo $! > {tmp_path}/child; echo done")
    begun = time.monotonic()
    try:
        assert run_git(tmp_path, ["fetch"]) == b"done\n"
        assert time.monotonic() - begun < 20
    finally:
        os.kill(int((tmp_path / "child").read_text()), 9)


@pytest.mark.parametrize(
    ("error", "runs"),
    [
        ("fatal: Unable to create '/x/.git/refs/heads/y.lock': File exists.", 3),
        ("error: could not lock config file .git/config: File exists", 3),
        ("fatal: failed to read .git/worktrees/x/commondir: Success", 3),
        ("fatal: Invalid path '/x/.git/worktrees/y': No such file or directory", 3),
        ("fatal: a branch named 'y' already exists", 1),
    ],
)
def test_it_is_run_again_while_another_git_is_in_the_way(script: Path, tmp_path: Path, error: str, runs: int) -> None:
    write(
        script, f'echo run >> {tmp_path}/runs; [ $(wc -l < {tmp_path}/runs) = 3 ] && exit; echo "{error}" >&2; exit 128'
    )
    try:
        run_git(tmp_path, ["branch", "y"])
    except GitFailedError:
        assert runs == 1
    assert len((tmp_path / "runs").read_text().split()) == runs


def test_one_that_stays_in_the_way_is_reported(script: Path, tmp_path: Path) -> None:
    write(script, f"echo run >> {tmp_path}/runs; echo \"fatal: Unable to create 'x.lock': File exists.\" >&2; exit 128")
    with pytest.raises(GitFailedError, match=r"git gc failed: Unable to create 'x\.lock'") as raised:
        run_git(tmp_path, ["gc"])
    assert raised.value.collided
    assert len((tmp_path / "runs").read_text().split()) == 8


def test_a_descriptor_is_inherited(script: Path, tmp_path: Path) -> None:
    write(script, "echo held > /dev/fd/$1")
    with (tmp_path / "file").open("w") as file:
        run_git(tmp_path, [str(file.fileno())], inherited=[file.fileno()])
    assert (tmp_path / "file").read_text() == "held\n"


def test_without_git_or_directory_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HookError, match=f"{tmp_path}/gone is not there"):
        run_git(tmp_path / "gone", ["status"])
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HookError, match="git is not installed, or not on PATH: install git"):
        run_git(tmp_path, ["status"])
    with pytest.raises(HookError, match="git is not installed"):
        require_git()


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("git version 2.39.5", "2.39.5"),
        ("git version 2.45.2.windows.1", "2.45.2.windows.1"),
        ("git version 2.30.0 (Apple Git-1)", "2.30.0"),
    ],
)
def test_the_version_is_told(script: Path, said: str, version: str) -> None:
    write(script, f"echo '{said}'")
    assert require_git() == version


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("git version 2.29.9", "git 2.29.9 is too old; install 2.30 or later"),
        ("git version unknown", "names no version"),
        ("hello", "`git version` says 'hello', which names no version"),
    ],
)
def test_what_is_no_version_that_will_do_is_refused(script: Path, said: str, message: str) -> None:
    write(script, f"echo '{said}'")
    with pytest.raises(HookError, match=re.escape(message)):
        require_git()


def test_a_variable_that_another_thread_removes_meanwhile_is_left_out(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = type(os.environ).__iter__
    monkeypatch.setattr(type(os.environ), "__iter__", lambda environ: iter([*listed(environ), "FLEETING"]))
    assert run_git(repo.path, ["rev-parse", "--is-inside-work-tree"]) == b"true\n"


@pytest.mark.parametrize(
    ("then", "said"),
    [
        ("fatal: Could not reset to 'HEAD'.", "Could not reset to 'HEAD' (unable to write file big)"),
        ("error: unable to write file other", "unable to write file big"),
    ],
)
def test_what_git_said_first_is_told_since_it_names_the_cause(
    script: Path, tmp_path: Path, then: str, said: str
) -> None:
    write(script, f"""printf '%s\\n' 'error: unable to write file big' 'hint: try again' "{then}" >&2; exit 128""")
    with pytest.raises(GitFailedError) as raised:
        run_git(tmp_path, ["reset"])
    assert str(raised.value) == f"git reset failed: {said}"
    assert raised.value.explained


@pytest.mark.parametrize("file", ["MERGE_HEAD", "rebase-merge/head-name", "BISECT_LOG"])
def test_what_was_begun_and_not_finished_is_told(tmp_path: Path, file: str) -> None:
    assert operation_under_way(tmp_path) == ""
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).touch()
    assert operation_under_way(tmp_path) in {"a merge", "a rebase", "a bisection"}
