"""Prompts in private files, and the words that point to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from rouser import HookError, PromptFile, write_private


def test_the_pointer_is_one_line_that_ends_in_a_private_file_with_the_bytes(tmp_path):
    prompt = b"one\ntwo \xff\0".decode(errors="surrogateescape")
    pointer = PromptFile(tmp_path / "a" / "b", prompt).write()
    assert pointer == PromptFile(tmp_path / "a" / "b", prompt).pointer
    assert "\n" not in pointer
    path = Path(pointer.rpartition(" ")[2])
    assert path.read_bytes() == b"one\ntwo \xff\0"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_pointer_is_told_from_other_words_and_other_prompts(tmp_path):
    file = PromptFile(tmp_path, "the task")
    assert file.is_pointed_to_by(file.pointer + "\n")
    assert PromptFile(tmp_path / "moved", "the task").is_pointed_to_by(file.pointer)
    assert not PromptFile(tmp_path, "the task!").is_pointed_to_by(file.pointer)
    assert not file.is_pointed_to_by(f"look at {file.path}")


def test_a_file_that_cannot_be_written_is_an_error_and_leaves_nothing(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(HookError, match="cannot write the prompt to"):
        PromptFile(tmp_path / "a", "x").write()
    (tmp_path / "taken").mkdir()
    with pytest.raises(IsADirectoryError):
        write_private(tmp_path / "taken", b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "taken"]
