"""Restoring several sessions: several at a time, none stopped by another's failure."""

import threading
from collections.abc import Mapping
from typing import Any

import pytest
from support.stage import Stage, at_first, intent, raiser
from support.waiting import wait_for

from rouser import HookError, Session, SessionNotFoundError, SessionNotRestorableError, SessionStatus
from rouser.liveness import view_all
from rouser.restore_many import RestoreMany, Target, died


def many(stage: Stage, targets: list[Target], *, jobs: int = 4, **options: bool) -> RestoreMany:
    return RestoreMany(stage.host, stage.store, stage.config._replace(jobs=jobs), targets, **options)


def test_all_are_restored_and_each_is_reported(stage: Stage) -> None:
    sessions = [stage.add() for _ in range(7)]
    results = list(many(stage, [Target(text=session.id) for session in sessions]).run())
    assert {result.text for result in results} == {session.id for session in sessions}
    assert all(result.outcome is not None and result.error is None for result in results)
    assert len(stage.runtime.live) == 7


@pytest.mark.parametrize("jobs", [1, 3])
def test_no_more_than_jobs_are_under_way_and_as_many_as_that(stage: Stage, jobs: int) -> None:
    guard, go_on = threading.Lock(), threading.Event()
    running, most = 0, 0

    def enter() -> None:
        nonlocal running, most
        with guard:
            running += 1
            most = max(most, running)
            if running == jobs:
                go_on.set()
        go_on.wait(30)

    def leave() -> None:
        nonlocal running
        with guard:
            running -= 1

    stage.journal.before["session_restoring"] = enter
    stage.journal.before["session_restored"] = leave
    targets = [Target(text=stage.add().id) for _ in range(6)]
    assert len(list(many(stage, targets, jobs=jobs).run())) == 6
    assert most == jobs
    assert running == 0


def test_creations_overlap_however_quick_they_are(stage: Stage) -> None:
    threads: list[int] = []
    stage.journal.before["runtime_create"] = lambda: threads.append(threading.get_ident())
    assert len(list(many(stage, [Target(text=stage.add().id) for _ in range(4)]).run())) == 4
    assert len(set(threads)) > 1


def test_a_slow_one_takes_one_place_and_holds_up_nobody_else(stage: Stage) -> None:
    guard, others_done = threading.Lock(), threading.Event()
    begun, ended = 0, 0
    in_time: list[bool] = []

    def begin() -> None:
        nonlocal begun
        with guard:
            begun += 1
            is_slow = begun == 1
        if is_slow:
            in_time.append(others_done.wait(5))

    def end() -> None:
        nonlocal ended
        with guard:
            ended += 1
            if ended == 5:
                others_done.set()

    stage.journal.before["session_restoring"] = begin
    stage.journal.before["session_restored"] = end
    targets = [Target(text=stage.add().id) for _ in range(6)]
    assert len(list(many(stage, targets, jobs=2).run())) == 6
    assert in_time == [True]


def test_a_stop_waits_for_what_changes_something_also_after_results_that_nobody_had_to_wait_for(stage: Stage) -> None:
    go_on, begun = threading.Event(), iter(range(3))

    def begin() -> None:
        if next(begun) == 0:
            go_on.wait(30)

    stage.journal.before["session_restoring"] = begin
    restores = many(stage, [Target(text=stage.add().id) for _ in range(3)], jobs=3)
    results = restores.run()
    next(results)
    wait_for(lambda: restores._finished, "the second is there")
    next(results)
    stopped: list[object] = []
    stop = threading.Thread(target=lambda: stopped.extend(restores.stop(30)), daemon=True)
    stop.start()
    threading.Timer(0.2, go_on.set).start()
    stop.join(30)
    assert len(stopped) == 1
    assert restores.unfinished == []


def test_one_failure_does_not_stop_the_rest(stage: Stage) -> None:
    good, merged = stage.add(), stage.add(status=SessionStatus.MERGED)
    targets = [Target(text=text) for text in ("nonsense", merged.id, good.id)]
    results = {result.text: result for result in many(stage, targets, jobs=1).run()}
    assert isinstance(results["nonsense"].error, SessionNotFoundError)
    assert isinstance(results[merged.id].error, SessionNotRestorableError)
    assert results[good.id].outcome is not None


def test_a_plugin_that_exits_fails_one_restore_only(stage: Stage) -> None:
    stage.journal.before["runtime_create"] = at_first(raiser(SystemExit(1)), raiser(KeyboardInterrupt()))
    results = list(many(stage, [Target(text=stage.add().id) for _ in range(4)], jobs=1).run())
    assert [result.error is None for result in results] == [False, False, True, True]


def test_what_nobody_expects_fails_one_restore_only(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    targets = [Target(text=stage.add().id) for _ in range(3)]
    update, bad = stage.store.update, targets[1].text

    def broken(session: Session, event: str, detail: Mapping[str, Any] | None = None) -> Session:
        if session.id == bad:
            raise ValueError("nobody expects this")
        return update(session, event, detail)

    monkeypatch.setattr(stage.store, "update", broken)
    results = {result.text: result for result in many(stage, targets).run()}
    assert [results[target.text].error is None for target in targets] == [True, False, True]
    error = results[bad].error
    assert (error.kind, error.exit_code) == ("internal", 70)
    assert str(error).startswith("ValueError: nobody expects this (this is a defect of rouser")
    assert isinstance(error.__cause__, ValueError)


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_only_looked_when_it_was_stopped_changes_nothing_any_more(stage: Stage, jobs: int) -> None:
    looking, go_on = threading.Semaphore(0), threading.Event()

    def look() -> None:
        looking.release()
        go_on.wait(30)

    stage.journal.before["runtime_is_alive"] = look
    batch = many(stage, [Target(text=stage.add().id) for _ in range(2)], jobs=jobs)
    threading.Thread(target=lambda: list(batch.run()), daemon=True).start()
    for _ in range(jobs):
        assert looking.acquire(timeout=30)
    assert list(batch.stop(0.1)) == []
    go_on.set()
    wait_for(lambda: not batch.under_way, "all have ended")
    assert stage.journal.changes == []
    assert list(batch.stop(0.1)) == []


def test_stopping_finishes_what_has_begun_and_begins_no_more(stage: Stage) -> None:
    begun, go_on = threading.Semaphore(0), threading.Event()

    def wait() -> None:
        begun.release()
        go_on.wait(30)

    stage.journal.before["runtime_create"] = at_first(lambda: None, wait, wait, wait)
    batch = many(stage, [Target(text=stage.add().id) for _ in range(6)], jobs=2)
    results = batch.run()
    assert next(results).error is None
    assert begun.acquire(timeout=30)
    assert begun.acquire(timeout=30)

    def release_once_stopped() -> None:
        wait_for(lambda: not batch._waiting, "the rest is called off")
        go_on.set()

    threading.Thread(target=release_once_stopped, daemon=True).start()
    assert [result.error for result in batch.stop(30)] == [None, None]
    assert len(stage.runtime.created) == len(stage.runtime.live) == 3


def test_stopping_leaves_what_only_looks_and_waits_no_longer_than_told_for_what_changes(stage: Stage) -> None:
    asked = threading.Semaphore(0)

    def hang() -> None:
        asked.release()
        stage.hang()

    stage.journal.before["runtime_is_alive"] = at_first(hang)
    stage.journal.before["runtime_create"] = at_first(hang)
    batch = many(stage, [Target(text=stage.add().id) for _ in range(3)], jobs=2)
    threading.Thread(target=lambda: list(batch.run()), daemon=True).start()
    for _ in range(2):
        assert asked.acquire(timeout=30)
    assert list(batch.stop(0.1)) == []
    assert len(batch.unfinished) == 1


def test_a_dry_run_changes_nothing(stage: Stage) -> None:
    session = stage.add()
    before = stage.row(session)
    (result,) = many(stage, [Target(text=session.id)], dry_run=True).run()
    assert result.outcome is not None
    assert stage.row(session) == before
    assert stage.journal.changes == []


def test_what_died_unasked_is_found_and_what_was_asked_to_is_not(stage: Stage) -> None:
    crashed = stage.add(status=SessionStatus.WORKING)
    terminated = stage.add(status=SessionStatus.TERMINATED)
    half_spawned = stage.add(status=SessionStatus.ERRORED, pending=intent("x"), runtime_handle=None)
    interrupted = stage.add(status=SessionStatus.KILLED, pending=intent("name-3"))
    stage.run(interrupted, "unrecorded", "name-3")
    for status in (SessionStatus.KILLED, SessionStatus.DONE, SessionStatus.MERGED):
        stage.add(status=status)
    stage.add(status=SessionStatus.WORKING, alive=True)
    found = died(view_all(stage.host, stage.store.sessions()))
    assert {target.text for target in found} == {crashed.id, terminated.id, half_spawned.id, interrupted.id}


def test_all_of_them_come_back_and_the_stray_is_adopted(stage: Stage) -> None:
    stage.add(status=SessionStatus.WORKING)
    interrupted = stage.add(status=SessionStatus.TERMINATED, pending=intent("name-1"))
    stage.run(interrupted, "unrecorded", "name-1")
    results = list(many(stage, died(view_all(stage.host, stage.store.sessions()))).run())
    assert sorted(result.outcome.adopted for result in results) == [False, True]
    assert len(stage.runtime.created) == 1


def test_a_record_that_says_terminated_is_no_proof_that_the_runtime_is_dead(stage: Stage) -> None:
    session = stage.add(status=SessionStatus.TERMINATED, alive=True)
    (result,) = many(stage, died(view_all(stage.host, stage.store.sessions()))).run()
    assert isinstance(result.error, SessionNotRestorableError)
    assert list(stage.runtime.live) == [session.runtime_handle]
    assert stage.journal.changes == []


def test_what_is_known_spares_a_second_probe_unless_the_record_has_changed(stage: Stage) -> None:
    session = stage.add(status=SessionStatus.WORKING)
    targets = died(view_all(stage.host, stage.store.sessions()))
    stage.run(session, session.runtime_handle, session.runtime_name)
    stage.store.update(session, "touched")
    (result,) = many(stage, targets).run()
    assert isinstance(result.error, SessionNotRestorableError)


def test_unknown_is_not_among_the_dead(stage: Stage) -> None:
    stage.add(status=SessionStatus.WORKING)
    stage.journal.before["runtime_is_alive"] = raiser(HookError("no answer"))
    assert died(view_all(stage.host, stage.store.sessions())) == []
