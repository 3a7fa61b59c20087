"""Restores of one session or many, told as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

from rouser.cli.output import say, write_json
from rouser.cli.state import State, opened, outlive_terminal
from rouser.errors import (
    InterruptedRestoreError,
    LivenessUnknownError,
    PartialFailureError,
    RouserError,
    SessionNotRestorableError,
    WorkspaceMissingError,
)
from rouser.liveness import view_all
from rouser.models import SessionStatus
from rouser.restore_many import RestoreMany, Result, Target, died
from rouser.store import now


def restore_sessions(
    *,
    sessions: Sequence[str] = (),
    everything: bool = False,
    dry_run: bool = False,
    force: bool = False,
    no_snapshot: bool = False,
    jobs: int | None = None,
    as_json: bool = False,
) -> None:
    """Bring terminated sessions back, or say what would be done.

    :param sessions: ids, names or prefixes of ids; none for ``everything``.
    :param everything: every session that died without being asked to.
    :param dry_run: only say what would be done, and why.
    :param force: restore even if it is unknown whether the agent still runs.
    :param no_snapshot: leave a recreated workspace without the work of its latest snapshot.
    :param jobs: how many at a time. None: as configured.
    :param as_json: print an array of what became of each.
    :raises RouserError: the only one that was asked for failed.
    :raises SystemExit: not all could be restored; each was reported.
    """
    outlive_terminal()
    with opened() as state:
        started = time.monotonic()
        config = state.config._replace(jobs=jobs) if jobs else state.config
        targets, unknown = _targets(state, sessions, everything)
        options = {"dry_run": dry_run, "force": force, "with_snapshot": not no_snapshot}
        many = RestoreMany(state.host, state.store, config, targets, **options)
        results: list[Result] = []
        interrupted = False
        try:
            # A plan is read as a whole, in the order of the sessions; results are wanted as they come.
            with _shown(many, len(targets)) as tell:
                stream = _in_order(many.run(), targets) if dry_run else many.run()
                _collect(stream, results, tell, dry_run=dry_run, alone=len(sessions) == 1)
        except KeyboardInterrupt:
            interrupted = True
            if many.unfinished:
                say("interrupted: finishing what has begun (Ctrl-C again to leave it)")
            _collect(many.stop(), results, say, dry_run=dry_run)
            for text in many.unfinished:
                say(f"  {text[:8]}  left under way. Complete it: rouser restore {text[:8]}")
        if as_json:
            rest = _left(targets, results, many.unfinished) if interrupted else []
            write_json([_fields(state, result) for result in _in_order([*results, *rest], targets)])
        _sum_up(results, targets, unknown, many.unfinished, time.monotonic() - started, dry_run=dry_run)
    if interrupted and as_json:  # which is all of the one document that is promised
        say("interrupted")
        raise SystemExit(InterruptedRestoreError.exit_code)
    if interrupted:
        raise KeyboardInterrupt
    failures = [result.error for result in results if result.error is not None]
    if failures:
        one = len(sessions) == 1
        if one and not as_json:
            raise failures[0]
        raise SystemExit(failures[0].exit_code if one else PartialFailureError.exit_code)
    if unknown:
        raise SystemExit(LivenessUnknownError.exit_code)


def _shown(many: RestoreMany, total: int) -> AbstractContextManager[Callable[[str], None]]:
    """Show what is under way, where there are several."""
    if total == 1:
        return nullcontext(say)
    from rouser.cli.progress import shown

    return shown(many, total)


def _targets(state: State, sessions: Sequence[str], everything: bool) -> tuple[list[Target], int]:
    """Return what to restore, and how many sessions are left alone because nothing is known of them."""
    if not everything:
        return [Target(text=text) for text in _once(state, sessions)], 0
    stored = state.store.current(now())  # what is over was ended by somebody's wish
    views = view_all(state.host, stored) if stored else []
    unknown = [seen for seen in views if seen.liveness.alive is None]
    for seen in unknown:
        say(f"  {seen.session.short_id}  left alone: unknown whether it is alive: {seen.liveness.reason}")
    return died(views), len(unknown)


def _once(state: State, sessions: Sequence[str]) -> list[str]:
    """Return what names each session first: one that is named twice is restored once."""
    found: dict[str, str] = {}
    for text in sessions:
        identity = text
        if len(sessions) > 1:
            with suppress(RouserError):  # its restore says so
                identity = state.store.find(text).id
        found.setdefault(identity, text)
    return list(found.values())


def _collect(
    stream: Iterable[Result],
    results: list[Result],
    tell: Callable[[str], None],
    *,
    dry_run: bool,
    alone: bool = False,
) -> None:
    """Take in results and report each as it comes; the failure of one asked for alone is reported at the end."""
    for result in stream:
        results.append(result)
        if result.error is None or not alone:
            _report(result, tell, dry_run=dry_run)


def _report(result: Result, say: Callable[[str], None], *, dry_run: bool) -> None:
    if result.outcome is None:
        label = result.text[:8]
        say(f"  {label}  ✗ {str(result.error).removeprefix(f'{label}: ')}")
        return
    outcome, session = result.outcome, result.outcome.session
    if dry_run:
        say(f"{session.short_id}  {session.agent} · {session.runtime} · {session.workspace or 'in place'}")
        for name, reason in outcome.evidence.items():
            say(f"  {name:<13} {reason}")
    else:
        how = "adopted" if outcome.adopted else "restored"
        what = "conversation resumed" if outcome.resumed else "started afresh"
        sent = ", prompt sent" if outcome.prompt_sent else ""
        say(f"  {session.short_id}  ✓ {how}   {what}{sent} · attach: rouser attach {session.name or session.short_id}")
        if outcome.evidence.get("workspace", "").startswith("recreated"):
            say(f"  {session.short_id}  workspace {outcome.evidence['workspace']}")
    for warning in outcome.warnings:
        say(f"  {session.short_id}  warning: {warning}")


def _in_order(results: Iterable[Result], targets: list[Target]) -> list[Result]:
    position = {target.text: index for index, target in enumerate(targets)}
    return sorted(results, key=lambda result: position[result.text])


def _left(targets: list[Target], results: list[Result], unfinished: Sequence[str]) -> Iterator[Result]:
    """Yield for each session without a result why there is none."""
    done = {result.text for result in results}
    for text in (target.text for target in targets if target.text not in done):
        how = "left under way; complete it" if text in unfinished else "nothing was changed; begin anew"
        message = f"{text[:8]}: interrupted: {how}: rouser restore {text[:8]}"
        yield Result(text=text, error=InterruptedRestoreError(message))


def _sum_up(
    results: list[Result],
    targets: list[Target],
    unknown: int,
    unfinished: Sequence[str],
    seconds: float,
    *,
    dry_run: bool,
) -> None:
    failed = sum(result.error is not None for result in results)
    done = len(results) - failed
    if dry_run:
        say("nothing was changed")
    elif unknown and not targets:
        say("nothing was restored; once they can be asked, try again, or take one for dead: rouser restore ID --force")
    elif not targets:
        say("nothing to restore: no session died without being asked to")
    elif len(targets) > 1:
        left = {"left under way": len(unfinished), "not begun": len(targets) - len(results) - len(unfinished)}
        rest = "".join(f", {count} {what}" for what, count in left.items() if count)
        say(f"{done} restored, {failed} failed{rest} in {seconds:.1f} s")


def _fields(state: State, result: Result) -> dict[str, Any]:
    from rouser.cli.fields import session_fields

    if result.outcome is None:
        return _failed_fields(state, result)
    outcome = result.outcome
    return {
        **session_fields(outcome.session, alive=None if outcome.runtime_handle is None else True),
        "launch_command": list(outcome.launch_command),
        "resumed": outcome.resumed,
        "prompt_sent": outcome.prompt_sent,
        "adopted": outcome.adopted,
        "evidence": dict(outcome.evidence),
        "warnings": list(outcome.warnings),
        "error": None,
    }


def _failed_fields(state: State, result: Result) -> dict[str, Any]:
    from rouser.cli.fields import FIELDS, session_fields

    error = result.error
    fields: dict[str, Any] = {**dict.fromkeys(FIELDS), "id": result.text}
    with suppress(RouserError):
        session = state.store.find(result.text)
        alive = None
        if isinstance(error, SessionNotRestorableError):
            alive = session.status is not SessionStatus.MERGED
        elif isinstance(error, WorkspaceMissingError):
            alive = False
        fields = session_fields(session, alive=alive)
    return {
        **fields,
        "launch_command": None,
        "resumed": False,
        "prompt_sent": False,
        "adopted": False,
        "evidence": {},
        "warnings": [],
        "error": {"kind": getattr(error, "kind", "error"), "message": str(error)},
    }
