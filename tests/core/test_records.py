"""What is read from the database is what its columns hold, or an error that names the column."""

from pathlib import Path
from typing import Any

import pytest
from support.stage import LONG_AGO, Stage, intent, make_session, receipt

from rouser import Conversation, Evidence, PromptState, StoreError
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


UNFIT = [
    ("name", "\ud800"),
    ("branch", None),
    ("task", b"x"),
    ("runtime_handle", 7),
    ("repository", Path("relative")),
    ("workspace_path", Path("/a\0b")),
    ("workspace_path", Path("/\ud800")),
    ("created_at", LONG_AGO.replace(tzinfo=None)),
    ("agent_config", {"a": float("nan")}),
    ("agent_config", {"a": {1}}),
    ("runtime_config", None),
    ("activity", "flying"),
    ("conversation", Conversation(id=None, evidence=Evidence.PINNED)),
    ("conversation", Conversation(id="c", evidence="nonsense")),
    ("conversation", Conversation(id="c", evidence=Evidence.PINNED, reason=None)),
    ("prompt", receipt("flying")),
    ("pending", intent("x", command=(1,))),
    ("pending", intent("x", resumed=1)),
]


@pytest.mark.parametrize(("column", "value"), UNFIT)
def test_what_would_not_be_read_is_not_written(stage: Stage, column: str, value: Any) -> None:
    session = stage.add()
    before = stage.row(session)
    with pytest.raises(StoreError, match=rf"^session {session.short_id} cannot be recorded, .* its {column}: "):
        stage.store.update(session._replace(**{column: value}), "changed")
    assert stage.row(session) == before
    assert stage.store.get(session.id) == session


def test_what_is_nested_too_deeply_is_not_written(tmp_path: Path) -> None:
    value: dict[str, Any] = {}
    for _ in range(5000):
        value = {"a": value}
    with pytest.raises(StoreError, match="its metadata: "):
        to_row(make_session(tmp_path, metadata=value))


def test_a_number_that_json_does_not_have_is_read_as_none(tmp_path: Path) -> None:
    values = to_row(make_session(tmp_path))[:-1]
    values[COLUMNS.index("agent_config")] = '{"a": NaN}'
    assert from_row((*values, checksum(values))).agent_config == {"a": None}
