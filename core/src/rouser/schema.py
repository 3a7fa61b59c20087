"""The database's schema, version by version."""

from __future__ import annotations

from typing import Final

APPLICATION_ID: Final = 0x726F7573
"""``rous`` in ASCII: marks a SQLite file as ours, see the ``application_id`` pragma of SQLite."""

NOT_OVER: Final = "(status NOT IN ('killed', 'done', 'cleanup', 'errored', 'merged') OR pending IS NOT NULL)"
"""Which sessions somebody may still want brought back or looked after. An index has these, so it must not change."""

LOST: Final = "workspace_lost"
RECREATED: Final = "workspace_recreated"
OF_WORKSPACES: Final = f"event IN ('{LOST}', '{RECREATED}')"
"""Which lines of the history every restore looks for. An index has these, so it must not change."""

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """
        CREATE TABLE sessions (
            id TEXT NOT NULL PRIMARY KEY,
            project_id TEXT NOT NULL,
            status TEXT NOT NULL,
            name TEXT,
            agent TEXT NOT NULL,
            agent_config TEXT NOT NULL,
            runtime TEXT NOT NULL,
            runtime_handle TEXT,
            runtime_name TEXT,
            workspace TEXT,
            workspace_path,
            repository NOT NULL,
            branch TEXT NOT NULL,
            base TEXT,
            task TEXT NOT NULL,
            activity TEXT,
            conversation TEXT,
            prompt TEXT,
            pending TEXT,
            created_at TEXT NOT NULL,
            updated_at TEXT NOT NULL,
            issue_id TEXT,
            issue_url TEXT,
            initial_prompt_override TEXT,
            spawned_by TEXT,
            metadata TEXT NOT NULL
        )
        """,
        "CREATE UNIQUE INDEX sessions_by_name ON sessions (name) WHERE name IS NOT NULL",
        "CREATE INDEX sessions_by_creation ON sessions (created_at)",
        """
        CREATE TABLE history (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            session_id TEXT NOT NULL,
            at TEXT NOT NULL,
            event TEXT NOT NULL,
            old_status TEXT,
            new_status TEXT,
            detail TEXT NOT NULL
        )
        """,
        "CREATE INDEX history_by_session ON history (session_id, id)",
        """
        CREATE TRIGGER history_is_append_only BEFORE UPDATE ON history
        BEGIN SELECT RAISE(ABORT, 'history is append-only'); END
        """,
        """
        CREATE TRIGGER history_is_kept BEFORE DELETE ON history
        BEGIN SELECT RAISE(ABORT, 'history is append-only'); END
        """,
    ),
    ("ALTER TABLE sessions ADD COLUMN runtime_config TEXT NOT NULL DEFAULT '{}'",),
    ("ALTER TABLE sessions ADD COLUMN checksum INTEGER",),
    (
        f"CREATE INDEX sessions_not_over ON sessions (created_at) WHERE {NOT_OVER}",
        "CREATE INDEX sessions_by_update ON sessions (updated_at)",
        "CREATE INDEX sessions_by_branch ON sessions (branch)",
    ),
    (f"CREATE INDEX history_of_workspaces ON history (session_id, id) WHERE {OF_WORKSPACES}",),
)
"""What brings a database from version N to N + 1, at index N. Never change one that was released; add another, and
keep a sample of what it makes, see ``tests/torture/make_sample.py``.

A new column of sessions begins as NULL or ``{}``: those count for nothing in a record's checksum, so that the
checksums of older records stay true.
"""

VERSION: Final = len(MIGRATIONS)
