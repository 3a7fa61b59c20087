"""The optional hooks of workspaces that only look: describing and discovering."""

from __future__ import annotations

from rouser.testing.guard import needs
from rouser.testing.verdict import expect
from rouser.testing.workspace.kit import WorkspaceKit, WorkspaceTests


class OptionTests(WorkspaceTests):
    """Tests that are skipped where ``missing`` names the hook."""

    @needs("workspace_describe")
    def test_the_description_is_one_line_that_tells_work_from_none(self, kit: WorkspaceKit) -> None:
        """People decide by it whether a workspace can go."""
        _, path = kit.made()
        clean = kit.workspace.describe(path)
        (path / "work").write_text("not committed")
        dirty = kit.workspace.describe(path)
        expect(len(dirty.splitlines()) == 1, f"the description is not one line: {dirty!r}")
        expect(dirty != clean, f"work and no work are described alike: {dirty!r}")

    @needs("workspace_discover")
    def test_workspaces_that_exist_are_discovered(self, kit: WorkspaceKit) -> None:
        """With their sessions, also by a later command; those that were destroyed are not."""
        expect(kit.workspace.discover() == [], "workspaces are discovered before any was made")
        made = [kit.made(f"rouser/{number}") for number in range(3)]
        _, gone = made.pop()
        kit.workspace.destroy(gone, force=True)
        wanted = {(path, session.id) for session, path in made}
        found = {(one.path, one.session_id) for one in kit.anew().discover()}
        expect(found == wanted, f"workspace_discover finds {found}, where {wanted} exist")
