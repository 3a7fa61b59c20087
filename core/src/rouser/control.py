"""Sending to, killing and removing sessions."""

from __future__ import annotations

import uuid

from rouser.agent_provider import Agent
from rouser.delivery import NotDeliveredError, Watch, digest_of, end_runtime, say
from rouser.errors import LivenessUnknownError, MessageNotSentError, PluginError, SessionAliveError
from rouser.host import Host
from rouser.keeping import keep_before
from rouser.liveness import find_stray, is_over, probe
from rouser.models import ActivityState, PromptReceipt, PromptState, Session, SessionStatus
from rouser.providers import workspace_of
from rouser.runtime_provider import Runtime
from rouser.store import Store, now


def send(host: Host, store: Store, text: str, message: str | None, seconds: float = 30.0) -> Session:
    """Type a message into a session's agent, once it is ready, and wait until the agent has it.

    :param text: id, name or id prefix of the session.
    :param message: what to send. None: the session's initial prompt, whose receipt is brought up to date.
    :param seconds: how long to wait for the agent to be ready, and again for it to have taken the message.
    :returns: the record.
    :raises MessageNotSentError: the agent does not run, was not ready, or did not take it; or the message is blank.
    :raises LivenessUnknownError: it is unknown whether the agent runs; nothing was sent.
    :raises PluginError: the runtime did not deliver it.
    """
    session = store.find(text)
    host.require(session.runtime, "runtime")
    host.require(session.agent, "agent")
    runtime, agent = Runtime(host, session.runtime), Agent(host, session.agent)
    with store.lock(session.id, "send"):
        session = store.get(session.id)
        words = agent.initial_prompt(session) if message is None else message
        if not words.strip():
            raise MessageNotSentError(f"{session.short_id}: there is nothing to send: the message is blank")
        watch = Watch(runtime, agent, session._replace(runtime_handle=_require_alive(runtime, session)))
        receipt = _Receipt(store, session, words, is_prompt=message is None)
        try:
            state, reason = say(watch, words, seconds)
        except (NotDeliveredError, PluginError) as error:
            receipt.record(PromptState.FAILED, str(error))
            if isinstance(error, PluginError):
                raise
            raise MessageNotSentError(
                f"{session.short_id}: not delivered: {error}. Look at it: rouser attach {session.short_id}"
            ) from error
        return receipt.record(state, reason)


class _Receipt:
    """Keeps the history of one message: the prompt's in the record, all others in the history alone."""

    def __init__(self, store: Store, session: Session, words: str, *, is_prompt: bool) -> None:
        self._store = store
        self._session = session
        self._is_prompt = is_prompt
        self._identity = {"id": uuid.uuid4().hex, "digest": digest_of(words), "characters": len(words)}
        if not is_prompt:
            store.note(session, f"message_{PromptState.QUEUED}", self._identity)

    def record(self, state: PromptState, reason: str) -> Session:
        """Write down how far the message got, and return the record."""
        if not self._is_prompt:
            self._store.note(self._session, f"message_{state}", {**self._identity, "reason": reason})
            return self._session
        if state is PromptState.FAILED:  # what is known of an earlier delivery stays true
            self._store.note(self._session, f"prompt_{state}", {"reason": reason})
            return self._session
        receipt = PromptReceipt(state=state, at=now(), reason=reason, digest=str(self._identity["digest"]))
        return self._store.update(self._session._replace(prompt=receipt), f"prompt_{state}", {"reason": reason})


def _require_alive(runtime: Runtime, session: Session) -> str:
    liveness = probe(runtime, session)
    short = session.short_id
    if liveness.alive is None:
        raise LivenessUnknownError(
            f"{short}: it is unknown whether the agent runs ({liveness.reason}). Nothing was sent."
        )
    if not liveness.alive or liveness.stray or liveness.handle is None:
        raise MessageNotSentError(
            f"{short}: nothing was sent: its agent is not running. Restore it first: rouser restore {short}"
        )
    return liveness.handle


def kill(host: Host, store: Store, text: str) -> Session:
    """End a session's runtime and everything in it; workspace and conversation stay. Idempotent.

    :param text: id, name or id prefix of the session.
    :returns: the record, its status killed.
    :raises PluginError: the runtime could not be ended, or it is unknown whether it was; the record stays as it is.
    """
    session = store.find(text)
    host.require(session.runtime, "runtime")
    runtime = Runtime(host, session.runtime)
    with store.lock(session.id, "kill"):
        session = store.get(session.id)
        output = _end_runtimes(runtime, session)
        if session.status is SessionStatus.KILLED and session.pending is None:
            return session
        status = session.status if session.status is SessionStatus.MERGED else SessionStatus.KILLED
        killed = session._replace(status=status, activity=ActivityState.EXITED, pending=None)
        killed = store.update(killed, "killed", {"last_output": output} if output else {})
    if killed.status is not session.status:
        host.notify("session_status_changed", session=killed, old=session.status, new=killed.status)
    return killed


def _end_runtimes(runtime: Runtime, session: Session) -> str:
    """End the recorded runtime, and the one that an interrupted command may have left."""
    output = ""
    if session.pending is not None:
        stray = find_stray(runtime, session)
        if stray is not None:
            runtime.destroy(stray.handle)
    if session.runtime_handle is not None:
        if is_over(session):
            runtime.destroy(session.runtime_handle)
        else:
            output = end_runtime(runtime, session.runtime_handle)
    return output


def remove(
    host: Host,
    store: Store,
    text: str,
    *,
    force: bool = False,
    keep_workspace: bool = False,
    snapshot: bool = True,
) -> Session:
    """Remove a session: its workspace if no work is lost by that, and its record; history and snapshots stay.

    A directory that a session works in without a workspace of its own stays as it is.

    :param text: id, name or id prefix of the session.
    :param force: end a live agent first, and remove the workspace even if that loses work.
    :param keep_workspace: leave the workspace where it is.
    :param snapshot: whether the work in the workspace is kept first, where its plugin can.
    :returns: the record as it was.
    :raises SessionAliveError: its agent is alive and ``force`` is False.
    :raises LivenessUnknownError: it is unknown whether it is alive and ``force`` is False.
    :raises SnapshotError: the work could not be kept, so the workspace was not removed.
    :raises PluginError: the workspace holds work and ``force`` is False, or could not be removed.
    """
    session = store.find(text)
    host.require(session.runtime, "runtime")
    runtime = Runtime(host, session.runtime)
    with store.lock(session.id, "rm"):
        session = store.get(session.id)
        if not force:
            _require_dead(runtime, session)
        workspace = None if keep_workspace else workspace_of(host, session)
        _end_runtimes(runtime, session)
        if workspace is not None:
            for path in workspace.paths_of(session):
                if snapshot:  # after the agent has ended, when the files are quiet
                    options = "--force --no-snapshot" if force else "--no-snapshot"
                    keep_before(store, workspace, session, path, f"rouser rm {session.short_id} {options}")
                workspace.destroy(path, force=force)
        store.remove(session, "removed", {"workspace_kept": keep_workspace})
    host.notify("session_removed", session=session)
    return session


def _require_dead(runtime: Runtime, session: Session) -> None:
    short = session.short_id
    liveness = probe(runtime, session)
    if liveness.alive:
        raise SessionAliveError(
            f"{short} is still running. End it first: rouser kill {short}, or remove it all the same: "
            f"rouser rm {short} --force"
        )
    if liveness.alive is None:
        raise LivenessUnknownError(
            f"{short}: it is unknown whether the agent still runs ({liveness.reason}). Nothing was removed."
        )


def output_of(host: Host, store: Store, text: str, lines: int) -> str:
    """Return the last lines of a session's terminal: from its runtime, else what was kept when it ended.

    :param lines: how many, 1 to 100,000.
    :raises PluginError: the runtime does not answer and nothing was kept.
    """
    session = store.find(text)
    kept = _kept_output(store, session, lines)
    if session.runtime_handle is None:
        return kept
    try:
        host.require(session.runtime, "runtime")
        output = Runtime(host, session.runtime).get_output(session.runtime_handle, lines)
    except PluginError:
        if kept:
            return kept
        raise
    return kept if output is None else output


def _kept_output(store: Store, session: Session, lines: int) -> str:
    for entry in reversed(store.history(session.id)):
        if entry.detail.get("last_output"):
            return "\n".join(str(entry.detail["last_output"]).splitlines()[-lines:])
    return ""
