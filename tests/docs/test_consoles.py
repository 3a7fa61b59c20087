"""Every command on every page does what the page shows, or says for which reason it is not run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from consoles import REASONS, Stage, Step, story_of
from doc_pages import ROOT, all_pages

PAGES = {str(page.relative_to(ROOT)): page for page in all_pages()}
STORIES = {name: story for name, page in PAGES.items() if (story := story_of(page)).steps}
LANGUAGES = {"console", "ini", "json", "python", "text", "toml", "yaml"}


@pytest.mark.parametrize("name", STORIES)
def test_the_commands_of_a_page_do_what_it_shows(name):
    stage = Stage(PAGES[name])
    try:
        for step in STORIES[name].steps:
            stage.play(step)
    finally:
        stage.end()


@pytest.mark.parametrize("name", PAGES)
def test_a_block_that_is_not_run_has_a_reason_that_is_true_of_each_line(name):
    story = story_of(PAGES[name])
    assert story.stray == []
    for reason, steps in story.left_out:
        assert reason in REASONS, f"not a reason: {reason}"
        assert [step.line for step in steps if not REASONS[reason](step.line)] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_block_says_what_language_it_is_in_so_that_no_command_hides_in_it(name):
    fences = re.findall(r"^ *```(.*)$", PAGES[name].read_text(), re.MULTILINE)
    assert set(fences[::2]) <= LANGUAGES
    assert set(fences[1::2]) <= {""}


def played(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    stage = Stage(page, patience=1)
    try:
        for step in story_of(page).steps:
            stage.play(step)
    finally:
        stage.end()


SPAWN = '```console\n$ rouser spawn "x" --name login --agent command -- cat\n{}\n```\n'


def test_another_output_than_the_page_shows_is_a_failure(tmp_path):
    shown = "✓ 12345678  command in tmux · worktree /home/you/{}/rouser/worktrees/shop/12345678 on rouser/login\n..."
    played(tmp_path, SPAWN.format(shown.format(".local/share")))
    with pytest.raises(AssertionError, match="where the page has"):
        played(tmp_path, SPAWN.format(shown.format(".local/elsewhere")))


def test_a_command_that_fails_without_the_page_saying_so_is_a_failure(tmp_path):
    with pytest.raises(AssertionError, match="exit code 1"):
        played(tmp_path, "```console\n$ cat missing > /dev/null 2>&1\n```\n")


def test_commands_before_a_block_are_run_and_must_succeed(tmp_path):
    played(tmp_path, "<!-- before\n$ touch made\n-->\n\n```console\n$ cat made\n```\n")
    with pytest.raises(AssertionError, match="exit code 1"):
        played(tmp_path, "<!-- before\n$ cat missing\n-->\n")


def test_a_reason_counts_for_the_very_next_console_block_only(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- not run: it installs something -->\n\n```console\n$ a\n```\n\n```console\n$ b\n```\n")
    story = story_of(page)
    assert story.left_out == [("it installs something", [Step("a", None)])]
    assert story.steps == [Step("b", None)]
    page.write_text("<!-- not run: it installs something -->\n\n```toml\na = 1\n```\n")
    assert story_of(page).stray
