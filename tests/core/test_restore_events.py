"""What listeners are told of a restore, in which order, and that they cannot disturb it."""

from collections.abc import Callable

import pytest
from support.stage import Stage, intent, raiser

from rouser import HookError, RouserError, SessionStatus

EVENTS = ["session_restoring", "session_restored", "session_restore_failed", "session_status_changed"]


def told(stage: Stage) -> list[str]:
    """Return the events and the changes, in the order in which they came."""
    return [hook for hook, _ in stage.journal.calls if hook.startswith(("session_", "runtime_create"))]


def test_restoring_is_told_first_then_the_status_then_that_it_is_restored(stage: Stage) -> None:
    session = stage.add()
    outcome = stage.restore(session.id)
    assert told(stage) == ["session_restoring", "runtime_create", "session_status_changed", "session_restored"]
    assert stage.journal.of("session_restoring") == [session]
    assert stage.journal.of("session_status_changed") == [(SessionStatus.TERMINATED, SessionStatus.SPAWNING)]
    assert stage.journal.of("session_restored") == [outcome]


def test_the_status_is_told_only_once_it_is_recorded(stage: Stage) -> None:
    session = stage.add()
    seen = []
    stage.journal.before["session_status_changed"] = lambda: seen.append(stage.store.get(session.id).status)
    stage.restore(session.id)
    assert seen == [SessionStatus.SPAWNING]


def test_an_unchanged_status_is_not_told(stage: Stage) -> None:
    stage.restore(stage.add(status=SessionStatus.SPAWNING).id)
    assert stage.journal.of("session_status_changed") == []


def test_an_adoption_is_told_like_a_restore(stage: Stage) -> None:
    session = stage.add(pending=intent("name-0"))
    stage.run(session, "unrecorded", "name-0")
    stage.restore(session.id)
    assert told(stage) == ["session_restoring", "session_status_changed", "session_restored"]


def test_a_failure_is_told_with_the_untouched_record(stage: Stage) -> None:
    session = stage.add()
    stage.journal.before["runtime_create"] = raiser(HookError("no"))
    with pytest.raises(RouserError) as caught:
        stage.restore(session.id)
    assert told(stage) == ["session_restoring", "runtime_create", "session_restore_failed"]
    assert stage.journal.of("session_restore_failed") == [caught.value]


def test_a_refusal_is_told_to_nobody(stage: Stage) -> None:
    with pytest.raises(RouserError):
        stage.restore(stage.add(alive=True).id)
    assert told(stage) == []


@pytest.mark.parametrize("event", ["session_restoring", "session_status_changed", "session_restored"])
@pytest.mark.parametrize("error", [ValueError("boom"), SystemExit(3), KeyboardInterrupt(), GeneratorExit()], ids=repr)
def test_a_listener_that_raises_changes_nothing(stage: Stage, event: str, error: BaseException) -> None:
    stage.journal.before[event] = raiser(error)
    session = stage.add()
    outcome = stage.restore(session.id)
    assert outcome.prompt_sent
    assert stage.store.get(session.id) == outcome.session
    assert len(stage.host.problems) == 1
    assert stage.host.problems[0].startswith(f"listener failed in {event}: {type(error).__name__}")


@pytest.mark.parametrize("event", EVENTS[:2])
def test_a_listener_that_hangs_costs_its_deadline_and_changes_nothing(hasty_stage: Stage, event: str) -> None:
    hasty_stage.journal.before[event] = hasty_stage.hang
    outcome = hasty_stage.restore(hasty_stage.add().id)
    assert outcome.prompt_sent
    assert hasty_stage.host.problems == [f"listener did not answer within 0.5 s ({event})"]


def test_a_failure_is_raised_though_its_listener_fails_too(stage: Stage) -> None:
    fail: Callable[[], None] = raiser(RuntimeError("me too"))
    stage.journal.before |= {"runtime_create": raiser(HookError("no")), "session_restore_failed": fail}
    with pytest.raises(RouserError, match="runtime: no"):
        stage.restore(stage.add().id)
