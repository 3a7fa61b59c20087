"""Starting a session's agent, for spawn and restore alike: command, intent, runtime, record, prompt, proof.

The order is what makes a crash harmless. The intent is recorded before the runtime is created, and the new
handle right after, so that at every moment the next command can tell what may be running.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from rouser.agent_provider import Agent
from rouser.delivery import BlockedError, NotDeliveredError, Watch, confirm, digest_of, say
from rouser.environment import environment_for
from rouser.errors import HookTimeoutError, PluginError
from rouser.launch_plan import LaunchPlan
from rouser.liveness import find_stray
from rouser.models import Evidence, PromptReceipt, PromptState, RuntimeIntent, Session, SessionStatus
from rouser.runtime_provider import Runtime
from rouser.store import Store, now


class Delivery(NamedTuple):
    """What became of the prompt.

    :ivar session: the record with the new receipt.
    :ivar sent: whether the prompt was delivered.
    :ivar warning: why not, and what to do; empty when there is nothing to say.
    """

    session: Session
    sent: bool
    warning: str = ""


class Events(NamedTuple):
    """What the history calls the steps of a start."""

    begun: str
    done: str


SPAWN: Final = Events(begun="spawn_begun", done="spawned")
RESTORE: Final = Events(begun="restore_begun", done="restored")
ADOPT: Final = Events(begun="restore_begun", done="adopted")


def start(
    store: Store,
    runtime: Runtime,
    agent: Agent,
    plan: LaunchPlan,
    before: Session,
    events: Events,
    detail: Mapping[str, Any],
) -> Session:
    """Record the intent, create the runtime, record its handle; return the record.

    :param before: the record that is put back when the runtime cannot be created.
    :param detail: what the history keeps with the intent.
    :raises PluginError: the runtime was not created. The intent is taken back, unless the call timed out:
        then it may still take effect.
    """
    session = plan.session
    name = session.next_runtime_name
    intent = RuntimeIntent(
        name=name,
        command=plan.command,
        resumed=plan.resumed,
        prompt_in_command=plan.prompt_in_command,
        at=now(),
    )
    pending = store.update(session._replace(pending=intent, runtime_name=name), events.begun, detail)
    if session.workspace_path is None:
        raise AssertionError("a session's workspace is made before its runtime")
    try:
        agent.starting(pending, plan.prompt if plan.prompt_in_command else "")
        handle = runtime.create(
            pending,
            name,
            session.workspace_path,
            plan.full_command,
            environment_for(session.id, plan.environment, runtime.caller_environment),
        )
    except HookTimeoutError:
        raise
    except PluginError as error:
        _remove_leftover(runtime, pending)
        store.revert(before, "runtime_not_created", {"error": str(error)})
        raise
    return record_start(store, pending, handle, events, plan.prompt)


def _remove_leftover(runtime: Runtime, session: Session) -> None:
    """End what a failed creation left running after all.

    :raises PluginError: it could not be ended, or looked for: the intent must stay on record then.
    """
    stray = find_stray(runtime, session)
    if stray is not None:
        runtime.destroy(stray.handle)


def record_start(store: Store, session: Session, handle: str, events: Events, prompt_text: str) -> Session:
    """Write down that the runtime of ``session.pending`` runs.

    :param prompt_text: what its command carried, or what is to be sent to it. Empty: nothing.
    """
    intent = session.pending
    prompt = session.prompt
    if intent is not None and intent.prompt_in_command:
        prompt = PromptReceipt(
            state=PromptState.HANDED_OVER, at=now(), reason="in the agent's arguments", digest=digest_of(prompt_text)
        )
    elif intent is not None and prompt_text and not intent.resumed:
        # What an earlier conversation had accepted, this new one does not have.
        prompt = PromptReceipt(state=PromptState.QUEUED, at=now())
    started = session._replace(
        status=SessionStatus.SPAWNING,
        activity=None,
        runtime_handle=handle,
        pending=None,
        prompt=prompt,
    )
    return store.update(started, events.done, {"handle": handle})


def note_conversation(store: Store, agent: Agent, session: Session, floor: Evidence) -> Session:
    """Record which conversation the started agent has begun, for agents that choose its id themselves.

    After a crash the process that could tell is gone, so it is asked while it lives. Never raises for a plugin's
    failure: a restore asks again.

    :param floor: weaker evidence is not recorded.
    """
    try:
        found = agent.find_conversation(session)
    except PluginError:
        return session
    known = session.conversation.id if session.conversation is not None else None
    if found is None or found.id == known or not found.evidence.at_least(floor):
        return session
    detail = {"conversation": found.id, "evidence": found.evidence, "reason": found.reason}
    return store.update(session._replace(conversation=found), "conversation_found", detail)


def deliver(store: Store, watch: Watch, plan: LaunchPlan, seconds: float) -> Delivery:
    """See the prompt of ``plan`` to the agent, and record how far it got. Never raises for a plugin's failure.

    :param watch: the started session; its record is the one to bring up to date.
    :param seconds: how long to wait for the agent to be ready, and again for it to have taken the prompt.
    """
    session, prompt = watch.session, plan.prompt
    if not prompt:
        return Delivery(session=session, sent=False)

    def record(state: PromptState, reason: str) -> None:
        nonlocal session
        if session.prompt is None or session.prompt.state is not state:
            receipt = PromptReceipt(state=state, at=now(), reason=reason, digest=digest_of(prompt))
            session = store.update(session._replace(prompt=receipt), f"prompt_{state}", {"reason": reason})

    try:
        if plan.prompt_in_command:
            state, reason = confirm(
                watch,
                lambda: watch.agent.prompt_state(watch.session, prompt),
                seconds,
                lambda: record(PromptState.ACCEPTED, "the agent has it"),
            )
        else:
            state, reason = say(watch, prompt, seconds)
    except BlockedError as error:
        state, reason = (PromptState.HANDED_OVER if plan.prompt_in_command else PromptState.FAILED), str(error)
    except (PluginError, NotDeliveredError) as error:
        state, reason = PromptState.FAILED, str(error)
    else:
        record(state, reason)
        return Delivery(session=session, sent=True)
    record(state, reason)
    again = f"Send it again: rouser send {session.short_id} --prompt"
    return Delivery(session=session, sent=False, warning=f"the prompt was not delivered: {reason}. {again}")
