"""How many sessions are looked at: in one round trip, and never with unknown taken for dead."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from support.fakes import FakeRuntime
from support.stage import Stage, intent, raiser

from rouser import ActivityState, HookError, SessionStatus, hookimpl
from rouser.agent_provider import Agent
from rouser.liveness import SessionView, died_unasked, view_all, with_notes


class Listing(FakeRuntime):
    """A runtime that answers for many at once, but not for those named here."""

    silent_on: frozenset[str] = frozenset()

    @hookimpl
    def runtime_list_alive(self, handles: Sequence[str]) -> Mapping[str, bool]:
        self.journal.begin("runtime_list_alive", handles)
        return {handle: handle in self.live for handle in handles if handle not in self.silent_on}


@pytest.fixture
def listing(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path, runtime=Listing)
    yield made
    made.close()


def views(stage: Stage) -> list[SessionView]:
    return view_all(stage.host, stage.store.sessions())


def test_many_sessions_cost_one_question(listing: Stage) -> None:
    for number in range(5):
        listing.add(status=SessionStatus.WORKING, alive=number % 2 == 0)
    alive = {seen.recorded.id: seen.liveness.alive for seen in views(listing)}
    assert alive == {session.id: session.runtime_handle in listing.runtime.live for session in listing.store.sessions()}
    assert len(listing.journal.of("runtime_list_alive")) == 1
    assert listing.journal.of("runtime_is_alive") == []


def test_what_the_answer_leaves_out_is_unknown(listing: Stage) -> None:
    sessions = [listing.add(status=SessionStatus.WORKING) for _ in range(3)]
    listing.runtime.silent_on = frozenset({sessions[1].runtime_handle})
    found = {seen.recorded.id: seen.liveness.alive for seen in views(listing)}
    assert [found[session.id] for session in sessions] == [False, None, False]


def test_a_question_that_fails_makes_all_unknown(listing: Stage) -> None:
    for _ in range(3):
        listing.add(status=SessionStatus.WORKING)
    listing.journal.before["runtime_list_alive"] = raiser(HookError("no answer"))
    assert [(seen.liveness.alive, seen.liveness.reason) for seen in views(listing)] == [
        (None, "runtime: no answer")
    ] * 3


def test_an_interrupted_session_is_looked_for_by_itself(listing: Stage) -> None:
    for _ in range(2):
        listing.add(status=SessionStatus.WORKING, alive=True)
    interrupted = listing.add(status=SessionStatus.WORKING, pending=intent("name-2"))
    listing.run(interrupted, "unrecorded", "name-2")
    found = {seen.recorded.id: seen for seen in views(listing)}
    assert found[interrupted.id].liveness.stray
    assert found[interrupted.id].liveness.handle == "unrecorded"


def test_a_runtime_that_hangs_is_not_waited_for_by_each_session(hasty_stage: Stage) -> None:
    for _ in range(4):
        hasty_stage.add(status=SessionStatus.WORKING)
    hasty_stage.journal.before["runtime_is_alive"] = hasty_stage.hang
    assert [(seen.liveness.alive, seen.liveness.reason) for seen in views(hasty_stage)] == [
        (None, f"runtime did not answer {late} (runtime_is_alive)") for late in ("within 0.5 s", *["again"] * 3)
    ]


def test_one_answer_that_fails_concerns_no_other_session(stage: Stage) -> None:
    calls = itertools.count()

    def fail_once() -> None:
        if next(calls) == 1:
            raise HookError("no answer")

    for _ in range(3):
        stage.add(status=SessionStatus.WORKING, alive=True)
    stage.journal.before["runtime_is_alive"] = fail_once
    assert [seen.liveness.alive for seen in views(stage)] == [True, None, True]


def test_a_dead_session_is_shown_terminated_and_its_record_not_touched(stage: Stage) -> None:
    session = stage.add(status=SessionStatus.WORKING)
    before = stage.row(session)
    (seen,) = views(stage)
    assert (seen.session.status, seen.session.activity) == (SessionStatus.TERMINATED, ActivityState.EXITED)
    assert died_unasked(seen)
    assert stage.row(session) == before


def test_a_live_session_is_shown_with_what_its_agent_does(stage: Stage) -> None:
    stage.add(status=SessionStatus.SPAWNING, alive=True)
    (seen,) = views(stage)
    assert (seen.session.status, seen.session.activity) == (SessionStatus.WORKING, ActivityState.ACTIVE)


@pytest.mark.parametrize("tells_start", [True, False])
@pytest.mark.parametrize("is_pending", [True, False])
def test_an_agent_of_which_nothing_is_seen_is_up_if_it_could_not_say_so_itself(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tells_start: bool, is_pending: bool
) -> None:
    stage.agent.activity = None
    monkeypatch.setattr(Agent, "tells_start", tells_start)
    pending = intent("name-0") if is_pending else None
    stage.add(status=SessionStatus.SPAWNING, alive=True, pending=pending)
    (seen,) = views(stage)
    wanted = SessionStatus.SPAWNING if tells_start or is_pending else SessionStatus.WORKING
    assert (seen.liveness.alive, seen.session.status, seen.session.activity) == (True, wanted, None)


def test_an_agent_that_has_exited_in_a_live_runtime_is_dead(stage: Stage) -> None:
    stage.agent.activity = ActivityState.EXITED
    stage.add(status=SessionStatus.WORKING, alive=True)
    (seen,) = views(stage)
    assert seen.liveness.alive is False
    assert died_unasked(seen)


def test_an_unknown_session_is_shown_as_it_is_recorded(stage: Stage) -> None:
    stage.journal.before["runtime_is_alive"] = raiser(HookError("no answer"))
    session = stage.add(status=SessionStatus.NEEDS_INPUT)
    (seen,) = views(stage)
    assert seen.session == session
    assert not died_unasked(seen)


def test_a_session_whose_plugin_is_missing_is_unknown_and_the_others_are_not(stage: Stage) -> None:
    missing = stage.add(status=SessionStatus.WORKING, runtime="zellij")
    dead = stage.add(status=SessionStatus.WORKING)
    found = {seen.recorded.id: seen.liveness for seen in views(stage)}
    assert found[missing.id].alive is None
    assert 'no plugin named "zellij"' in found[missing.id].reason
    assert found[dead.id].alive is False


def test_what_was_killed_is_not_asked_about(stage: Stage) -> None:
    stage.add(status=SessionStatus.KILLED)
    (seen,) = views(stage)
    assert seen.session.status is SessionStatus.KILLED
    assert not died_unasked(seen)
    assert stage.journal.calls == []


class Talking(Listing):
    """A runtime that has something to say of some of its sessions."""

    notes: Mapping[str, str] = {}

    @hookimpl
    def runtime_describe(self, handles: Sequence[str]) -> Mapping[str, str]:
        self.journal.begin("runtime_describe", handles)
        return {handle: note for handle, note in self.notes.items() if handle in handles}


@pytest.fixture
def talking(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path, runtime=Talking)
    yield made
    made.close()


def test_live_sessions_carry_the_notes_of_their_runtime_asked_for_once(talking: Stage) -> None:
    sessions = [talking.add(status=SessionStatus.WORKING, alive=number != 2) for number in range(3)]
    talking.runtime.notes = {sessions[0].runtime_handle: "ends in 12m", sessions[2].runtime_handle: "gone"}
    found = with_notes(talking.host, views(talking))
    assert [(seen.recorded.id, seen.note) for seen in found if seen.note] == [(sessions[0].id, "ends in 12m")]
    assert len(talking.journal.of("runtime_describe")) == 1


def test_notes_that_cannot_be_had_are_a_problem_and_no_failure(talking: Stage) -> None:
    talking.add(status=SessionStatus.WORKING, alive=True)
    talking.journal.before["runtime_describe"] = raiser(HookError("no answer"))
    assert [seen.note for seen in with_notes(talking.host, views(talking))] == [""]
    assert talking.host.problems == ["runtime: no answer"]


def test_runtimes_that_say_nothing_are_not_asked(listing: Stage) -> None:
    listing.add(status=SessionStatus.WORKING, alive=True)
    assert [seen.note for seen in with_notes(listing.host, views(listing))] == [""]
