"""Links lead somewhere, pages can be reached, and commands in examples exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from doc_pages import DOCS, ROOT, all_pages, blocks, console_commands, without_blocks

from rouser.cli.app import COMMANDS, cli

PAGES = {str(page.relative_to(ROOT)): page for page in all_pages()}
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PROGRAMS = {"cat", "cd", "export", "git", "grep", "ln", "printf", "pytest", "python3", "tmux"}
PROGRAMS |= {"journalctl", "loginctl", "systemctl", "systemd-analyze"}


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", without_blocks(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_every_internal_link_leads_to_a_page_and_a_heading(name):
    page = PAGES[name]
    for link in LINK.findall(without_blocks(page)):
        if link.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        assert target.is_relative_to(ROOT)
        if anchor:
            assert anchor in anchors(target), f"{link} leads to no heading"


def test_every_page_can_be_reached_from_the_readme():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        links = [link.partition("#")[0] for link in LINK.findall(without_blocks(page)) if "://" not in link]
        waiting += [(page.parent / link).resolve() for link in links if link]
    assert {page for page in PAGES.values() if page not in reached} == set()


@pytest.mark.parametrize("name", PAGES)
def test_every_command_in_an_example_exists_with_its_options(name):
    for line in console_commands(PAGES[name]):
        for part in re.split(r" \| ", line):
            check(shlex.split(part, comments=True))


def check(words: list[str]) -> None:
    words = words[: words.index(">")] if ">" in words else words
    program = Path(words[0]).name
    if program == "rouser":
        check_rouser(words[1:])
    elif program == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert set(words[1:2]) <= set(targets)
    elif program == "pip":
        paths = [word for word in words if word.startswith("./")]
        assert all((ROOT / path / "pyproject.toml").exists() for path in paths)
    else:
        assert program in PROGRAMS, f"{program} is not known here"


def check_rouser(words: list[str]) -> None:
    assert words[0] in COMMANDS
    command = cli.get_command(click.Context(cli), words[0])
    assert command is not None
    ours = words[: words.index("--")] if "--" in words else words
    if isinstance(command, click.Group) and ours[1:2] and ours[1] in command.commands:
        command = command.commands[ours[1]]
    known = {text for parameter in command.params for text in parameter.opts}
    used = {word.strip("[]").partition("=")[0] for word in ours if re.match(r"\[?--?[a-z]", word)}
    assert used <= known


@pytest.mark.parametrize("name", PAGES)
def test_no_page_has_a_python_block_that_does_not_compile(name):
    for block in blocks(PAGES[name], "python"):
        compile(block, name, "exec")  # annotations stay text, as in this module


def test_the_install_line_installs_every_distribution():
    lines = [line for line in console_commands(ROOT / "README.md") if line.startswith("pip install")]
    every = {f"./{path.parent.relative_to(ROOT)}" for path in ROOT.glob("**/pyproject.toml") if is_member(path)}
    assert [set(line.split()[2:]) for line in lines] == [every]


def is_member(path: Path) -> bool:
    inside = path.relative_to(ROOT)
    return len(inside.parts) > 1 and inside.parts[0] in {"core", "plugins"} and len(inside.parts) <= 3


def test_no_page_names_an_address_of_a_package_registry():
    found = [name for name, page in PAGES.items() if re.search(r"pypi\.org|files\.pythonhosted", page.read_text())]
    assert found == []


def test_pages_are_wrapped_at_110_columns():
    ours = [page for page in PAGES.values() if "plugins" not in page.relative_to(ROOT).parts[:1]]
    long = [
        f"{page.relative_to(ROOT)}: {line}"
        for page in ours
        for line in without_blocks(page).splitlines()
        if len(line) > 110 and not line.startswith("|")
    ]
    assert long == []
    assert DOCS in [page.parent for page in ours]
