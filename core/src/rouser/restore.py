"""The restore sequence: locate, enrich, gate, workspace, clean up, create, persist, prompt, verify."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from rouser.config import Config
from rouser.deadline import pause
from rouser.errors import (
    ConversationHeldError,
    LivenessUnknownError,
    PluginError,
    RouserError,
    SessionNotRestorableError,
)
from rouser.host import Host
from rouser.launch_plan import LaunchPlan
from rouser.liveness import Liveness, probe
from rouser.models import (
    ActivityState,
    Conversation,
    PromptState,
    RestoreOutcome,
    Session,
    SessionStatus,
)
from rouser.providers import providers_of
from rouser.restore_workspace import (
    complete_workspace,
    describe_workspace,
    foresee_workspace,
    look_at_workspace,
    recreate_workspace,
)
from rouser.restoring import Restore, nothing, outcome_of
from rouser.store import Store

# An agent whose terminal was taken away needs a moment to notice and to end.
_RELEASE_SECONDS = 2.0
_RELEASE_PAUSE = 0.05
_UNSENT = frozenset({PromptState.QUEUED, PromptState.FAILED})


class Known(NamedTuple):
    """A liveness that was asked for many sessions at once, good for as long as the record is the same.

    :ivar session: the record that it was asked for.
    :ivar liveness: the answer.
    """

    session: Session
    liveness: Liveness


def restore_session(
    host: Host,
    store: Store,
    text: str,
    config: Config,
    *,
    force: bool = False,
    with_snapshot: bool = True,
    known: Known | None = None,
    changing: Callable[[], None] = nothing,
) -> RestoreOutcome:
    """Bring a terminated session back: same workspace, same conversation, same name, the prompt once.

    :param text: a full id, a name, or an unambiguous prefix of an id.
    :param force: treat a runtime of which it is unknown whether it lives as dead.
    :param with_snapshot: whether a workspace that has to be recreated gets the work of its latest snapshot.
    :param known: what was just found of this session's runtime, so that it is not asked again.
    :param changing: called once when everything was looked at and something is about to be changed.
    :raises SessionNotFoundError: ``text`` means no session.
    :raises AmbiguousSessionError: ``text`` means several.
    :raises SessionBusyError: somebody else is working on the session.
    :raises SessionNotRestorableError: it is alive, or merged.
    :raises LivenessUnknownError: it is unknown whether it is alive; nothing was changed.
    :raises ConversationHeldError: another live process has its conversation open.
    :raises WorkspaceMissingError: its workspace is gone and cannot be recreated.
    :raises AgentNotStartedError: the agent was started and has ended.
    :raises PluginError: a plugin is missing, failed or did not answer.
    :raises StoreError: the record cannot be read or written.
    """
    # It is read under the lock; before that, only who is meant must be known.
    session_id = store.find(text).id if known is None else known.session.id
    with store.lock(session_id, "restore"):
        run = _prepare(host, store, session_id, config, force=force)
        run = run._replace(changing=changing, with_snapshot=with_snapshot)
        liveness = _gate(run, known)
        if liveness.stray and liveness.handle is not None:
            with _told(run):
                return _adopt(run, liveness.handle)
        usable = look_at_workspace(run)
        with _told(run):
            ready = complete_workspace(run) if usable else recreate_workspace(run)
            return _relaunch(run, ready)


def plan_restore(
    host: Host,
    store: Store,
    text: str,
    config: Config,
    *,
    force: bool = False,
    with_snapshot: bool = True,
    known: Known | None = None,
) -> RestoreOutcome:
    """Return what :func:`restore_session` would do, without doing any of it.

    It raises what that would raise before it changes anything. Whether a workspace can be recreated, its plugin only
    finds out when it does.
    """
    session = store.find(text)
    run = _prepare(host, store, session.id, config, force=force)
    liveness = _gate(run, known)
    if liveness.stray and run.recorded.pending is not None:
        run.evidence["prompt"] = "as the interrupted command left it"
        intent = run.recorded.pending
        return outcome_of(run, run.recorded, intent.command, resumed=intent.resumed, sent=False, adopted=True)
    if look_at_workspace(run):
        describe_workspace(run)
    else:
        foresee_workspace(run._replace(with_snapshot=with_snapshot))
    plan = _plan(run, run.recorded, wait=False)
    return outcome_of(run, plan.session, plan.full_command, resumed=plan.resumed, sent=bool(plan.prompt))


def _prepare(host: Host, store: Store, session_id: str, config: Config, *, force: bool) -> Restore:
    recorded = store.get(session_id)
    if recorded.status is SessionStatus.MERGED:
        raise SessionNotRestorableError(
            f"{recorded.short_id} is not restorable: it is merged. To remove it: rouser rm {recorded.short_id}"
        )
    runtime, agent, workspace = providers_of(host, recorded)
    return Restore(host, store, config, recorded, runtime, agent, workspace, force, evidence={}, warnings=[])


def _gate(run: Restore, known: Known | None) -> Liveness:
    """Refuse what is alive, and what may be; let pass what is dead, or alive without a record."""
    session = run.recorded
    liveness = known.liveness if known is not None and known.session == session else probe(run.runtime, session)
    run.evidence["runtime"] = liveness.reason
    if liveness.stray or liveness.alive is False:
        return liveness
    if liveness.alive is None:
        if run.force:
            run.warnings.append(f"unknown whether the agent still runs, taken for dead: {liveness.reason}")
            return liveness
        raise LivenessUnknownError(
            f"{session.short_id}: it is unknown whether the agent still runs ({liveness.reason}). Nothing was "
            f"changed. Try again, or if you are sure that it is dead: rouser restore {session.short_id} --force"
        )
    if _exited_inside(run):
        return liveness._replace(alive=False)
    raise SessionNotRestorableError(
        f"{session.short_id} is not restorable: it is {session.status} and its runtime is alive. "
        f"Attach instead: rouser attach {session.short_id}"
    )


def _exited_inside(run: Restore) -> bool:
    try:
        if run.agent.detect_activity(run.recorded) is not ActivityState.EXITED:
            return False
    except PluginError as error:
        run.warnings.append(str(error))
        return False
    run.evidence["runtime"] = "the agent has exited inside its runtime"
    return True


def _plan(run: Restore, session: Session, *, wait: bool) -> LaunchPlan:
    """Decide what to start, and whether the prompt is still to be delivered.

    :param wait: whether to wait for somebody who has the conversation open to go away.
    """
    _require_unheld(run, session, _RELEASE_SECONDS if wait else 0)
    conversation = _conversation(run, session)
    trusted = _trusted(run, conversation)
    session = session._replace(conversation=conversation if trusted else None)
    command = run.agent.restore_command(session) if trusted else None
    resumed = command is not None
    prompt = run.agent.initial_prompt(session)
    if not prompt.strip():
        prompt, run.evidence["prompt"] = "", "there is none"
    elif _has_prompt(run, session, prompt, resumed=resumed):
        run.evidence["prompt"] = f"not sent, {'the' if resumed else 'an earlier'} conversation has it"
        prompt = ""
    else:
        run.evidence["prompt"] = "sent again, it was never accepted" if resumed else "sent, the conversation is new"
    if not resumed:
        run.evidence.setdefault("conversation", "")
        run.evidence["conversation"] = f"fresh   {run.evidence['conversation']}".strip()
    return LaunchPlan(
        session=session,
        command=command or run.agent.launch_command(session),
        resumed=resumed,
        prompt=prompt,
        prompt_arguments=run.agent.prompt_arguments(session, prompt) if prompt else None,
        environment=run.agent.environment(session),
        evidence=run.evidence,
    )


def _require_unheld(run: Restore, session: Session, seconds: float) -> None:
    """Refuse to resume what another live process has open: two at one conversation lose each other's messages."""
    deadline = time.monotonic() + seconds
    while (holder := run.agent.holder(session)) is not None:
        if time.monotonic() >= deadline:
            raise ConversationHeldError(
                f"{session.short_id}: its conversation is open in {holder}, and would lose messages if it was resumed "
                f"a second time. Nothing was changed. End that process, then: rouser restore {session.short_id}"
            )
        pause(_RELEASE_PAUSE)


def _conversation(run: Restore, session: Session) -> Conversation | None:
    conversation = run.agent.find_conversation(session)
    if conversation is None:
        run.evidence["conversation"] = "the agent keeps none"
    else:
        run.evidence["conversation"] = f"{conversation.id}  {conversation.reason or conversation.evidence}"
    return conversation


def _trusted(run: Restore, conversation: Conversation | None) -> bool:
    """Return whether the evidence for a conversation is good enough to resume it."""
    floor = run.config.minimum_evidence
    if conversation is None or conversation.evidence.at_least(floor):
        return True
    run.warnings.append(
        f"conversation {conversation.id} was found only by {conversation.evidence}, less than {floor}: starting afresh"
    )
    return False


def _has_prompt(run: Restore, session: Session, prompt: str, *, resumed: bool) -> bool:
    """Return whether the session's conversation has the prompt: what was accepted and then lost was not done.

    One that is started has it when the agent went on from the one with the prompt to one that is still empty,
    but not when it is none of the agent's, since what was found was not good enough.
    """
    if not resumed and session.conversation is None:
        return False
    state = run.agent.prompt_state(session, prompt)
    if state is not None:
        return state is PromptState.DURABLE
    return resumed and (session.prompt is None or session.prompt.state not in _UNSENT)


@contextmanager
def _told(run: Restore) -> Iterator[None]:
    """Tell the plugins that a restore begins, and when it fails; keep the failure in the history."""
    run.changing()
    run.host.notify("session_restoring", session=run.recorded)
    try:
        yield
    except RouserError as error:
        with suppress(RouserError):  # the store itself may be what failed
            current = run.store.get(run.recorded.id)
            run.store.note(current, "restore_failed", {"kind": error.kind, "message": str(error)})
        run.host.notify("session_restore_failed", session=run.recorded, error=error)
        raise


def _relaunch(run: Restore, session: Session) -> RestoreOutcome:
    plan = _plan(run, session, wait=True)
    run.runtime.creating(session)
    from rouser.relaunch import relaunch  # while the plugin begins with what takes its time

    return relaunch(run, session, plan)


def _adopt(run: Restore, handle: str) -> RestoreOutcome:
    """Take over the runtime that an interrupted command created but could not record."""
    from rouser.relaunch import take_over

    intent = run.recorded.pending
    if intent is None:
        raise AssertionError("a stray runtime is looked for only behind an intent")
    run.evidence["workspace"] = "as the interrupted command left it"
    carried = intent.prompt_in_command
    prompt = run.agent.initial_prompt(run.recorded) if carried else _unsent_prompt(run, resumed=intent.resumed)
    return take_over(run, handle, intent, prompt)


def _unsent_prompt(run: Restore, *, resumed: bool) -> str:
    """Return the prompt that an unrecorded runtime still lacks: it is only sent once the handle is recorded."""
    prompt = run.agent.initial_prompt(run.recorded)
    if not prompt.strip() or _has_prompt(run, run.recorded, prompt, resumed=resumed):
        return ""
    return prompt
