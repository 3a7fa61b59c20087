"""``python -m bench.prepare HOME REPOSITORY WORKTREES COUNT``: dead sessions on record, each with a worktree."""

from __future__ import annotations

import shutil
import subprocess
import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.records import fill
from rouser import Session, SessionStatus
from rouser.store import Store


def main() -> None:
    home, repository, worktrees = map(Path, sys.argv[1:4])
    worktrees.mkdir()
    sessions = [session(repository, worktrees, number) for number in range(int(sys.argv[4]))]
    _make_worktrees(repository, [(one.branch, worktrees / one.short_id) for one in sessions])
    with Store(home) as store:
        store.sessions()
        store.add(sessions[0], "added")
        fill(store.path, sessions[1:])


def _make_worktrees(repository: Path, wanted: Sequence[tuple[str, Path]]) -> None:
    """Have git make the first, and copy it for the others, which git would take minutes for."""
    git = ["git", "-C", str(repository)]
    branches = "".join(f"create refs/heads/{branch} HEAD\n" for branch, _ in wanted)
    subprocess.run([*git, "update-ref", "--stdin"], input=branches, text=True, check=True)
    (branch, first), *others = wanted
    subprocess.run([*git, "worktree", "add", "--quiet", str(first), branch], check=True)
    entries = repository / ".git" / "worktrees"
    for other, path in others:
        private = entries / path.name
        shutil.copytree(first, path)
        shutil.copytree(entries / first.name, private)
        (path / ".git").write_text(f"gitdir: {private}\n")
        (private / "gitdir").write_text(f"{path / '.git'}\n")
        (private / "HEAD").write_text(f"ref: refs/heads/{other}\n")


def session(repository: Path, worktrees: Path, number: int) -> Session:
    """Return the record of a session that died, of an agent that resumes without a prompt."""
    identity = str(uuid.uuid4())
    begun = datetime.now(UTC) - timedelta(minutes=number)
    return Session(
        id=identity,
        project_id=repository.name,
        status=SessionStatus.WORKING,
        agent="command",
        agent_config={"arguments": ["sleep", "86400"], "prompt": "none"},
        runtime="tmux",
        workspace="worktree",
        workspace_path=worktrees / identity[:8],
        repository=repository,
        branch=f"rouser/task-{number}",
        task="",
        created_at=begun,
        updated_at=begun,
    )


if __name__ == "__main__":
    main()
