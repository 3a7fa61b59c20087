"""Snapshots put back: byte for byte, and what is newer than they are stays."""

import os
import shutil

import pytest
from worktree.looks import bring_back, content, lose


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
