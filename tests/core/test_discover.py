"""Conversations that no session owns: which are shown, and which are somebody's."""

from datetime import timedelta
from pathlib import Path

import pytest
from support.others import NOW, Finder, conversation
from support.stage import Stage, raiser

from rouser import (
    Conversation,
    ConversationNotFoundError,
    Evidence,
    HookError,
    PluginCallError,
    PluginError,
    PluginNotFoundError,
)
from rouser.discover import Filter, Found, discover, discover_all, pick

ALL = Filter()


@pytest.fixture
def finder(stage: Stage) -> Finder:
    made = Finder(stage.journal)
    stage.host.register(made, "finder")
    return made


def ids(stage: Stage, wanted: Filter = ALL, floor: Evidence = Evidence.PROCESS) -> list[int]:
    found = discover(stage.host, stage.store.sessions(), wanted, floor)
    return [int(item.conversation.id[:8]) for item in found]


def test_they_come_newest_first_and_from_every_agent_that_can_tell(stage: Stage, finder: Finder) -> None:
    other = Finder(stage.journal)
    stage.host.register(other, "other")
    finder.found = [conversation(3, stage.root), conversation(1, stage.root)]
    other.found = [conversation(2, stage.root)]
    found = discover(stage.host, [], ALL, Evidence.PROCESS)
    assert [(item.agent, item.conversation.first_words) for item in found] == [
        ("finder", "task 1"),
        ("other", "task 2"),
        ("finder", "task 3"),
    ]


def test_nothing_is_asked_that_changes_anything(stage: Stage, finder: Finder) -> None:
    finder.found = [conversation(1, stage.root)]
    stage.add(agent="finder")
    ids(stage)
    assert stage.journal.changes == []
    assert not stage.store.sessions()[0].updated_at > stage.store.sessions()[0].created_at


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(alive=True), [4]),
        (Filter(alive=False), [1, 2, 3]),
        (Filter(limit=2), [1, 2]),
        (Filter(since=NOW - timedelta(hours=2)), [1, 2, 4]),
        (Filter(agent="finder"), [1, 2, 3, 4]),
    ],
)
def test_filters_choose_and_what_lives_is_always_recent(
    stage: Stage, finder: Finder, wanted: Filter, expected: list[int]
) -> None:
    finder.found = [conversation(number, stage.root, pid=7 if number == 4 else None) for number in (1, 2, 3, 4)]
    assert ids(stage, wanted) == expected
    assert stage.journal.of("agent_discover") == [wanted.since]


def test_a_directory_means_what_is_below_it_too_whatever_links_lead_there(
    stage: Stage, finder: Finder, tmp_path: Path
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    finder.found = [conversation(1, tmp_path / "a" / "b"), conversation(2, tmp_path / "ab"), conversation(3, tmp_path)]
    assert ids(stage, Filter(directory=tmp_path / "link")) == [1]


def test_what_a_session_has_on_record_or_was_given_its_own_id_is_not_shown(stage: Stage, finder: Finder) -> None:
    recorded = conversation(1, stage.root)
    stage.add(agent="finder", conversation=Conversation(id=recorded.id, evidence=Evidence.PINNED))
    pinned = conversation(2, stage.root)
    stage.add(agent="finder", id=pinned.id)
    finder.found = [recorded, pinned, conversation(3, stage.root)]
    assert ids(stage) == [3]


def test_an_id_of_another_agent_is_another_conversation(stage: Stage, finder: Finder) -> None:
    item = conversation(1, stage.root)
    stage.add(agent="agent", conversation=Conversation(id=item.id, evidence=Evidence.PINNED))
    finder.found = [item]
    assert ids(stage) == [1]


@pytest.mark.parametrize(("evidence", "expected"), [(Evidence.HOOK, [2]), (Evidence.NEWEST_FILE, [1, 2])])
def test_a_session_owns_what_its_agent_went_on_with_if_the_evidence_is_good_enough(
    stage: Stage, finder: Finder, evidence: Evidence, expected: list[int]
) -> None:
    session = stage.add(agent="finder")
    assert session.workspace_path is not None
    later = conversation(1, session.workspace_path)
    finder.gone_on[session.id] = Conversation(id=later.id, evidence=evidence)
    finder.found = [later, conversation(2, session.workspace_path)]
    assert ids(stage) == expected


def test_only_sessions_in_the_directories_of_the_others_are_asked(stage: Stage, finder: Finder) -> None:
    stage.add(agent="finder")
    finder.found = [conversation(1, stage.root / "elsewhere")]
    ids(stage)
    assert stage.journal.of("agent_find_conversation") == []


def test_where_a_session_cannot_tell_its_own_nothing_is_offered(stage: Stage, finder: Finder) -> None:
    session = stage.add(agent="finder")
    assert session.workspace_path is not None
    finder.found = [conversation(1, session.workspace_path), conversation(2, stage.root)]
    stage.journal.before["agent_find_conversation"] = raiser(HookError("no luck"))
    assert ids(stage) == [2]
    assert session.short_id in stage.host.problems[0]
    assert "no luck" in stage.host.problems[0]


def test_one_agent_that_fails_does_not_hide_the_others(stage: Stage, finder: Finder) -> None:
    broken = Finder(stage.journal)
    stage.host.register(broken, "broken")
    broken.found = [conversation(1, Path("relative"))]
    finder.found = [conversation(2, stage.root)]
    assert ids(stage) == [2]
    assert "absolute" in stage.host.problems[0]


def test_the_agent_that_was_asked_for_must_answer(stage: Stage, finder: Finder) -> None:
    stage.journal.before["agent_discover"] = raiser(HookError("no luck"))
    with pytest.raises(PluginCallError, match="no luck"):
        ids(stage, Filter(agent="finder"))
    with pytest.raises(PluginNotFoundError, match="nobody"):
        ids(stage, Filter(agent="nobody"))
    with pytest.raises(PluginError, match="keeps no records"):
        ids(stage, Filter(agent="agent"))


def test_times_without_a_zone_are_the_plugins_mistake(stage: Stage, finder: Finder) -> None:
    finder.found = [conversation(1, stage.root, last_activity=NOW.replace(tzinfo=None))]
    with pytest.raises(PluginCallError, match="zone"):
        ids(stage, Filter(agent="finder"))


class TestPick:
    """An id means one conversation, or none."""

    @pytest.fixture
    def found(self, stage: Stage) -> list[Found]:
        texts = ("abc1", "abc12", "def")
        return [Found(agent="finder", conversation=conversation(1, stage.root, id=text)) for text in texts]

    @pytest.mark.parametrize(("text", "expected"), [("abc1", "abc1"), ("abc12", "abc12"), ("d", "def")])
    def test_a_full_id_or_an_unambiguous_prefix(self, found: list[Found], text: str, expected: str) -> None:
        assert pick(found, text).conversation.id == expected

    @pytest.mark.parametrize(("text", "message"), [("abc", "2 conversations"), ("x", "no conversation"), ("", "no ")])
    def test_else_nothing(self, found: list[Found], text: str, message: str) -> None:
        with pytest.raises(ConversationNotFoundError, match=message):
            pick(found, text)

    def test_the_conversations_of_sessions_are_found_with_their_owners(self, stage: Stage, finder: Finder) -> None:
        item = conversation(1, stage.root)
        session = stage.add(agent="finder", id=item.id)
        finder.found = [item]
        found = discover_all(stage.host, stage.store.sessions(), ALL, Evidence.PROCESS)
        assert pick(found, item.id).owner == session
