"""What is read from the database is what its columns hold, or an error that names the column."""

from pathlib import Path
from typing import Any

import pytest
from support.stage import intent, make_session, receipt

from rouser import Conversation, Evidence, PromptState
from rouser.records import COLUMNS, checksum, from_row, to_row

HOSTILE = [
    ("id", "../../x"),
    ("id", None),
    ("id", 7),
    ("branch", b"main"),
    ("branch", 7),
    ("task", None),
    ("repository", "relative"),
    ("repository", b"/a\0b"),
    ("created_at", "2024-01-01"),
    ("created_at", None),
    ("agent_config", "[]"),
    ("runtime_config", None),
    ("status", "flying"),
    ("conversation", '{"id": 7, "evidence": "pinned", "reason": ""}'),
    ("prompt", '{"state": "queued", "at": "2024-01-01T00:00:00+00:00", "reason": null}'),
    (
        "pending",
        '{"name": "x", "command": "sh", "resumed": false, "prompt_in_command": false, "at": "2024-01-01T00:00Z"}',
    ),
    ("pending", '{"name": "x", "command": [], "resumed": 1, "prompt_in_command": false, "at": "2024-01-01T00:00Z"}'),
]


@pytest.mark.parametrize(("column", "value"), HOSTILE)
def test_a_value_of_another_kind_is_an_error_that_names_the_column(tmp_path: Path, column: str, value: Any) -> None:
    values = to_row(make_session(tmp_path))[:-1]
    values[COLUMNS.index(column)] = value
    with pytest.raises(ValueError, match=f"column {column} holds"):
        from_row((*values, checksum(values)))


def test_what_was_written_is_read(tmp_path: Path) -> None:
    session = make_session(
        tmp_path,
        conversation=Conversation(id="c", evidence=Evidence.PINNED, reason="r"),
        prompt=receipt(PromptState.QUEUED),
        pending=intent("x"),
    )
    assert from_row(tuple(to_row(session))) == session
