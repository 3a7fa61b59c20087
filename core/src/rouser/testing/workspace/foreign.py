"""Paths that are not the plugin's are never touched, whatever ``force`` says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

from rouser.errors import HookError, PluginCallError
from rouser.testing.verdict import expect
from rouser.testing.workspace.kit import WorkspaceKit, WorkspaceTests, git


def _directory(kit: WorkspaceKit, mine: Path) -> Path:
    del mine
    place = kit.root / "documents"
    place.mkdir()
    (place / "precious").write_text("of the user's")
    return place


def _file(kit: WorkspaceKit, mine: Path) -> Path:
    return _directory(kit, mine) / "precious"


def _main_checkout(kit: WorkspaceKit, mine: Path) -> Path:
    del mine
    return kit.repository.path


def _worktree_of_the_users(kit: WorkspaceKit, mine: Path) -> Path:
    del mine
    place = kit.root / "by-hand"
    git(kit.repository.path, "worktree", "add", "--quiet", "-b", "by-hand", str(place))
    return place


def _clone_of_the_users(kit: WorkspaceKit, mine: Path) -> Path:
    del mine
    place = kit.root / "cloned-by-hand"
    git(kit.root, "clone", "--quiet", str(kit.repository.path), str(place))
    return place


def _beside_a_workspace(kit: WorkspaceKit, mine: Path) -> Path:
    place = mine.parent / "put-here-by-hand"
    git(kit.root, "clone", "--quiet", str(kit.repository.path), str(place))
    return place


def _around_a_workspace(kit: WorkspaceKit, mine: Path) -> Path:
    del kit
    return mine.parent


def _inside_a_workspace(kit: WorkspaceKit, mine: Path) -> Path:
    del kit
    (mine / "inside").mkdir()
    (mine / "inside" / "precious").write_text("work")
    return mine / "inside"


def _link_beside_a_workspace(kit: WorkspaceKit, mine: Path) -> Path:
    link = mine.parent / "link"
    link.symlink_to(_directory(kit, mine))
    return link


def _detour_from_a_workspace(kit: WorkspaceKit, mine: Path) -> Path:
    documents = _directory(kit, mine)
    ups = [".."] * (len(mine.parts) - len(kit.root.parts))
    return mine.joinpath(*ups, documents.name)


_PLACES: Final[Mapping[str, Callable[[WorkspaceKit, Path], Path]]] = {
    "a directory": _directory,
    "a file": _file,
    "the repository": _main_checkout,
    "a worktree made by hand": _worktree_of_the_users,
    "a clone made by hand": _clone_of_the_users,
    "a clone put beside a workspace by hand": _beside_a_workspace,
    "the directory around a workspace": _around_a_workspace,
    "a directory inside a workspace": _inside_a_workspace,
    "a link beside a workspace": _link_beside_a_workspace,
    "a path that leaves a workspace by dots": _detour_from_a_workspace,
}


class ForeignTests(WorkspaceTests):
    """Only what the plugin made is the plugin's."""

    @pytest.mark.parametrize("force", [False, True], ids=["plain", "force"])
    @pytest.mark.parametrize("what", _PLACES)
    def test_foreign_paths_are_never_touched(self, kit: WorkspaceKit, what: str, force: bool) -> None:
        """An error is right, and doing nothing is."""
        session, mine = kit.made()
        place = _PLACES[what](kit, mine)
        before = _contents(place)
        try:
            kit.workspace.destroy(place, force=force)
        except PluginCallError as error:
            expect(isinstance(error.__cause__, HookError), f"{error}: where people read one line, raise HookError")
        expect(place.exists() and _contents(place) == before, f"workspace_destroy removes {what}, which is not its own")
        kit.expect_usable(mine, session.branch, f"after {what} was to be destroyed")

    @pytest.mark.parametrize(
        "what", ["missing", "empty", "files", "file", "inside a repository", "emptied", "unlinked"]
    )
    def test_a_directory_is_not_yet_a_workspace(self, kit: WorkspaceKit, what: str) -> None:
        """Usable, not merely present."""
        _, mine = kit.made()
        place = kit.root / "elsewhere"
        if what in {"empty", "files"}:
            place.mkdir()
        if what == "files":
            (place / "start").write_text("a file of the same name")
        elif what == "file":
            place.write_text("no directory")
        elif what == "inside a repository":
            place = kit.repository.path / "inside"
            place.mkdir()
        elif what == "emptied":
            place = mine
            for entry in mine.iterdir():
                entry.rename(kit.root / f"taken{entry.name}")
        elif what == "unlinked":
            place = mine
            (mine / ".git").rename(kit.root / "taken-git")
        expect(not kit.workspace.exists(place), f"a path that is {what} is reported as a usable workspace")


def _contents(place: Path) -> list[tuple[str, bytes | None]]:
    if place.is_file():
        return [("", place.read_bytes())]
    files = (path for path in sorted(place.rglob("*")) if ".git" not in path.parts)
    return [(str(path.relative_to(place)), path.read_bytes() if path.is_file() else None) for path in files]
