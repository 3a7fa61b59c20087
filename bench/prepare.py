"""``python -m bench.prepare HOME REPOSITORY WORKTREES COUNT``: dead sessions on record, each with a worktree."""

from __future__ import annotations

import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.records import fill
from rouser import Session, SessionStatus
from rouser.store import Store


def main() -> None:
    home, repository, worktrees = map(Path, sys.argv[1:4])
    worktrees.mkdir()
    sessions = [session(repository, worktrees, number) for number in range(int(sys.argv[4]))]
    for one in sessions:
        subprocess.run(
            ["git", "-C", str(repository), "worktree", "add", "--quiet", "-b", one.branch, str(one.workspace_path)],
            check=True,
        )
    with Store(home) as store:
        store.sessions()
        store.add(sessions[0], "added")
        fill(store.path, sessions[1:])


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
