"""Adopting: a session for a conversation, never two, and nothing of the user's touched."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.others import Finder, Taker, conversation
from support.stage import Stage, raiser

from rouser import (
    Conversation,
    ConversationOwnedError,
    DiscoveredConversation,
    Evidence,
    HookError,
    PluginCallError,
    PromptState,
    Session,
    SessionAliveError,
    SessionBusyError,
    SessionStatus,
    WorkspaceMissingError,
)
from rouser.adopt import AdoptRequest, adopt_conversation, session_id_for
from rouser.control import kill, remove, send
from rouser.discover import Filter, Found, discover
from rouser.liveness import died_unasked, view_all

PID = 4711


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Provide a stage whose runtime can take over process 4711, and whose agent finds conversations."""
    made = Stage(tmp_path, runtime=Taker)
    finder = Finder(made.journal)
    made.agent = finder
    made.host.register(finder, "finder")
    assert isinstance(made.runtime, Taker)
    made.runtime.users = {PID: "users-pane"}
    yield made
    made.close()


def adopt(stage: Stage, item: DiscoveredConversation, **options: Any) -> Session:
    request = AdoptRequest(**options)
    return adopt_conversation(stage.host, stage.store, Found(agent="finder", conversation=item), request, stage.config)


class TestDead:
    """A conversation that nobody holds becomes a terminated session."""

    def test_it_is_terminated_in_place_with_what_is_known(self, stage: Stage) -> None:
        item = conversation(1, stage.repository)
        session = adopt(stage, item)
        assert session == stage.store.get(session.id)
        assert session.status is SessionStatus.TERMINATED
        assert (session.id, session.task, session.branch) == (item.id, "task 1", "main")
        assert (session.workspace, session.workspace_path) == (None, stage.repository)
        assert session.project_id == "shop"
        assert session.conversation == Conversation(id=item.id, evidence=Evidence.PINNED, reason="adopted by its id")
        assert session.prompt is not None
        assert session.prompt.state is PromptState.DURABLE
        assert stage.journal.changes == []
        assert stage.journal.of("session_status_changed") == [(None, SessionStatus.TERMINATED)]

    def test_a_restore_resumes_that_conversation_there_and_sends_nothing(self, stage: Stage) -> None:
        item = conversation(1, stage.repository)
        adopt(stage, item)
        stage.agent.accepted = lambda: False
        planned = stage.plan(item.id)
        assert planned.resumed
        assert planned.evidence["workspace"] == "usable"
        outcome = stage.restore(item.id)
        assert outcome.resumed
        assert not outcome.prompt_sent
        assert outcome.launch_command == ("agent", "resume", item.id)
        assert stage.runtime.created[0].cwd == stage.repository
        assert stage.runtime.created[0].name == item.id[:8]
        assert stage.journal.of("runtime_send_message") == []
        assert outcome.session.conversation is not None
        assert outcome.session.conversation.id == item.id

    def test_restore_all_counts_it_among_those_that_died(self, stage: Stage) -> None:
        session = adopt(stage, conversation(1, stage.repository))
        (seen,) = view_all(stage.host, [session])
        assert died_unasked(seen)

    def test_the_settings_of_the_agent_are_kept_with_what_it_wants_remembered(self, stage: Stage) -> None:
        stage.config = stage.config._replace(plugins={"finder": {"model": "large"}})
        stage.agent.remembers = {"home": "/x"}
        assert adopt(stage, conversation(1, stage.repository)).agent_config == {"model": "large", "home": "/x"}

    def test_an_unknown_branch_and_words_are_empty(self, stage: Stage) -> None:
        session = adopt(stage, conversation(1, stage.repository, branch=None, first_words=""))
        assert (session.branch, session.task) == ("", "")
        assert stage.store.get(session.id) == session

    def test_one_whose_directory_is_gone_is_refused(self, stage: Stage) -> None:
        with pytest.raises(WorkspaceMissingError, match="is gone"):
            adopt(stage, conversation(1, stage.root / "gone"))
        assert stage.store.sessions() == []


class TestInPlace:
    """A directory of the user's is never changed or removed."""

    def test_a_restore_without_the_directory_says_what_is_missing(self, stage: Stage) -> None:
        directory = stage.root / "mine"
        directory.mkdir()
        session = adopt(stage, conversation(1, directory))
        directory.rmdir()
        for act in (stage.plan, stage.restore):
            with pytest.raises(WorkspaceMissingError, match=f"{directory}.*gone"):
                act(session.id)
        assert stage.store.get(session.id) == session
        assert not directory.exists()

    @pytest.mark.parametrize("force", [False, True])
    def test_removing_the_session_leaves_it(self, stage: Stage, force: bool) -> None:
        directory = stage.root / "mine"
        directory.mkdir()
        (directory / "work").write_text("x")
        session = adopt(stage, conversation(1, directory))
        remove(stage.host, stage.store, session.id, force=force)
        assert (directory / "work").read_text() == "x"
        assert stage.store.sessions() == []
        assert stage.journal.of("workspace_destroy") == []

    def test_a_removed_session_can_be_adopted_again(self, stage: Stage) -> None:
        item = conversation(1, stage.repository)
        remove(stage.host, stage.store, adopt(stage, item).id)
        assert adopt(stage, item).id == item.id

    def test_several_may_share_it(self, stage: Stage) -> None:
        sessions = [adopt(stage, conversation(number, stage.repository)) for number in (1, 2, 3)]
        for session in sessions:
            stage.restore(session.id)
        assert [created.command[2] for created in stage.runtime.created] == [session.id for session in sessions]


class TestWorkspace:
    """With a workspace of its own, on a branch that starts where it was."""

    def test_it_is_made_and_the_restore_resumes_in_it(self, stage: Stage) -> None:
        item = conversation(1, stage.repository, branch="feature")
        session = adopt(stage, item, workspace="workspace")
        assert (session.workspace, session.branch, session.base) == ("workspace", "rouser/task-1", "feature")
        assert session.workspace_path == stage.root / "workspaces" / session.id
        stage.restore(session.id)
        assert stage.runtime.created[0].cwd == session.workspace_path
        assert stage.runtime.created[0].command == ("agent", "resume", item.id)

    def test_a_branch_of_another_session_is_not_taken(self, stage: Stage) -> None:
        stage.add(branch="rouser/task-1")
        session = adopt(stage, conversation(1, stage.repository), workspace="workspace")
        assert session.branch == f"rouser/task-1-{session.short_id}"

    def test_nothing_is_on_record_when_it_cannot_be_made(self, stage: Stage) -> None:
        stage.journal.before["workspace_create"] = raiser(HookError("no such branch"))
        with pytest.raises(PluginCallError, match="no such branch"):
            adopt(stage, conversation(1, stage.repository), workspace="workspace")
        assert stage.store.sessions() == []

    def test_a_live_one_is_not_moved(self, stage: Stage) -> None:
        with pytest.raises(SessionAliveError, match="cannot be moved"):
            adopt(stage, conversation(1, stage.repository, pid=PID), workspace="workspace")
        assert stage.journal.changes == []
        assert stage.journal.of("runtime_adopt") == []


class TestLive:
    """One that runs is adopted where it runs."""

    def test_it_works_in_the_runtime_that_it_is_in(self, stage: Stage) -> None:
        session = adopt(stage, conversation(1, stage.repository, pid=PID))
        assert session.status is SessionStatus.WORKING
        assert (session.runtime, session.runtime_handle) == ("runtime", "users-pane")
        assert stage.journal.changes == []
        (seen,) = view_all(stage.host, [session])
        assert seen.liveness.alive
        send(stage.host, stage.store, session.id, "hello")
        assert stage.journal.changes == [("runtime_send_message", "hello")]

    def test_after_its_death_a_restore_resumes_it_in_a_runtime_of_its_own(self, stage: Stage) -> None:
        session = adopt(stage, conversation(1, stage.repository, pid=PID))
        stage.runtime.live.clear()
        outcome = stage.restore(session.id)
        assert outcome.launch_command == ("agent", "resume", session.id)
        assert outcome.runtime_handle == "handle-1"

    def test_kill_ends_it_and_it_can_be_restored(self, stage: Stage) -> None:
        session = adopt(stage, conversation(1, stage.repository, pid=PID))
        assert kill(stage.host, stage.store, session.id).status is SessionStatus.KILLED
        assert stage.journal.of("runtime_destroy") == ["users-pane"]
        assert stage.restore(session.id).resumed

    def test_outside_of_every_runtime_it_is_refused(self, stage: Stage) -> None:
        with pytest.raises(SessionAliveError, match=r"process 1234 .*\(runtime\).*End that process"):
            adopt(stage, conversation(1, stage.repository, pid=1234))
        assert stage.store.sessions() == []

    def test_only_the_runtime_that_was_asked_for_is_asked(self, stage: Stage) -> None:
        stage.host.register(Taker(stage.journal), "empty")
        with pytest.raises(SessionAliveError, match=r"\(empty\)"):
            adopt(stage, conversation(1, stage.repository, pid=PID), runtime="empty")

    def test_every_runtime_is_asked_the_configured_one_first(self, stage: Stage) -> None:
        stage.host.register(Taker(stage.journal), "a-first-by-name")
        session = adopt(stage, conversation(1, stage.repository, pid=PID))
        assert session.runtime == "runtime"
        assert stage.journal.of("runtime_adopt") == [PID]

    def test_a_runtime_that_does_not_know_means_nothing_is_recorded(self, stage: Stage) -> None:
        stage.journal.before["runtime_adopt"] = raiser(HookError("no answer"))
        with pytest.raises(PluginCallError, match="no answer"):
            adopt(stage, conversation(1, stage.repository, pid=PID))
        assert stage.store.sessions() == []

    def test_a_command_that_was_killed_before_it_recorded_can_be_run_again(self, stage: Stage) -> None:
        stage.journal.after["runtime_adopt"] = raiser(HookError("killed, as it were"))
        with pytest.raises(PluginCallError):
            adopt(stage, conversation(1, stage.repository, pid=PID))
        stage.journal.after.clear()
        assert adopt(stage, conversation(1, stage.repository, pid=PID)).runtime_handle == "users-pane"


class TestOwned:
    """Never two sessions for one conversation."""

    def test_one_that_was_found_with_an_owner_is_refused(self, stage: Stage) -> None:
        owner = stage.add(agent="finder")
        found = Found(agent="finder", conversation=conversation(1, stage.repository), owner=owner)
        with pytest.raises(ConversationOwnedError, match=f"session {owner.short_id}"):
            adopt_conversation(stage.host, stage.store, found, AdoptRequest(), stage.config)

    def test_one_that_was_taken_since_it_was_found_is_refused(self, stage: Stage) -> None:
        item = conversation(1, stage.repository)
        stage.add(agent="finder", conversation=Conversation(id=item.id, evidence=Evidence.PINNED))
        with pytest.raises(ConversationOwnedError):
            adopt(stage, item)
        assert len(stage.store.sessions()) == 1

    def test_conversations_whose_ids_begin_with_the_time_get_sessions_that_can_be_told_apart(
        self, stage: Stage
    ) -> None:
        names = ("01a21adf-a73f-7b91-a21c-3acdcb0d3f68", "01a21adf-f259-7803-bae1-ed4deefa8b41")
        sessions = [adopt(stage, conversation(1, stage.repository, id=name)) for name in names]
        assert sessions[0].short_id != sessions[1].short_id

    @pytest.mark.parametrize("name", ["not-a-uuid", "ABCDEF00-0000-4000-8000-000000000000"])
    def test_ids_that_are_no_canonical_uuids_get_one_that_follows_from_them(self, stage: Stage, name: str) -> None:
        item = conversation(1, stage.repository, id=name)
        session = adopt(stage, item)
        assert session.id == session_id_for("finder", name) != session_id_for("other", name)
        with pytest.raises(ConversationOwnedError):
            adopt(stage, item)

    def test_of_many_at_once_one_succeeds(self, stage: Stage) -> None:
        item = conversation(1, stage.repository)
        barrier = threading.Barrier(6)
        results: list[object] = []

        def work() -> None:
            barrier.wait()
            try:
                results.append(adopt(stage, item))
            except (ConversationOwnedError, SessionBusyError) as error:
                results.append(error)

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(isinstance(result, Session) for result in results) == 1
        assert len(results) == 6
        assert len(stage.store.sessions()) == 1

    def test_an_adopted_one_is_not_discovered_again(self, stage: Stage) -> None:
        assert isinstance(stage.agent, Finder)
        stage.agent.found = [conversation(1, stage.repository), conversation(2, stage.repository)]
        adopt(stage, stage.agent.found[0])
        found = discover(stage.host, stage.store.sessions(), Filter(), Evidence.PROCESS)
        assert [item.conversation for item in found] == [stage.agent.found[1]]
