"""The second half of a restore: clean up, create, persist, prompt, verify."""

from typing import Any

from rouser.delivery import Watch, await_start, end_runtime, last_output, verify
from rouser.errors import PluginError
from rouser.launch import ADOPT, RESTORE, Delivery, deliver, note_conversation, record_start, start
from rouser.launch_plan import LaunchPlan
from rouser.models import RestoreOutcome, RuntimeIntent, Session
from rouser.restoring import Restore, outcome_of


def relaunch(run: Restore, session: Session, plan: LaunchPlan) -> RestoreOutcome:
    """Clean up, create the runtime, record it, and see its agent up and the prompt delivered.

    :param session: the record, with the workspace as it is now.
    """
    output = _clean_up(run, session)
    detail = {"last_output": output} if output else {}
    started = start(run.store, run.runtime, run.agent, plan, session, RESTORE, detail)
    _tell_status(run, started)
    delivery = _see_it_up(run, plan, started)
    return _done(run, delivery.session, plan.full_command, resumed=plan.resumed, sent=delivery.sent)


def _see_it_up(run: Restore, plan: LaunchPlan, session: Session) -> Delivery:
    """Wait until the agent is up, give it its prompt, and look at it once more."""
    watch = Watch(run.runtime, run.agent, session)
    await_start(watch, run.config.prompt_timeout)
    delivery = deliver(run.store, watch, plan, run.config.prompt_timeout)
    if delivery.warning:
        run.warnings.append(delivery.warning)
    session = note_conversation(run.store, run.agent, delivery.session, run.config.minimum_evidence)
    verify(watch)
    return Delivery(session, delivery.sent, delivery.warning)


def _clean_up(run: Restore, session: Session) -> str:
    """Destroy the stale runtime, best effort, and return what it printed last."""
    if session.runtime_handle is None:
        return ""
    try:
        return end_runtime(run.runtime, session.runtime_handle)
    except PluginError as error:
        run.warnings.append(f"the stale runtime could not be removed: {error}")
    return last_output(run.runtime, session.runtime_handle)


def take_over(run: Restore, handle: str, intent: RuntimeIntent, prompt: str) -> RestoreOutcome:
    """Go on with the runtime that an interrupted command created but could not record.

    :param intent: what that command had recorded before.
    :param prompt: what its agent was started with, or what it still lacks.
    """
    adopted = record_start(run.store, run.recorded, handle, ADOPT, prompt)
    _tell_status(run, adopted)
    plan = LaunchPlan(
        session=adopted,
        command=intent.command,
        resumed=intent.resumed,
        prompt=prompt,
        prompt_arguments=() if intent.prompt_in_command else None,
        environment={},
        evidence=run.evidence,
    )
    delivery = _see_it_up(run, plan, adopted)
    return _done(run, delivery.session, intent.command, resumed=intent.resumed, sent=delivery.sent, adopted=True)


def _tell_status(run: Restore, session: Session) -> None:
    if session.status is not run.recorded.status:
        run.host.notify("session_status_changed", session=session, old=run.recorded.status, new=session.status)


def _done(run: Restore, session: Session, command: tuple[str, ...], **facts: Any) -> RestoreOutcome:
    outcome = outcome_of(run, session, command, **facts)
    run.host.notify("session_restored", session=session, outcome=outcome)
    return outcome
