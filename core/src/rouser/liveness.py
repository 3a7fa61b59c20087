"""Whether sessions' agents still run: true, false, or not known. Not known is never taken for dead."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from rouser.agent_provider import Agent
from rouser.errors import PluginError
from rouser.host import Host
from rouser.models import ActivityState, DiscoveredRuntime, Session, SessionStatus
from rouser.runtime_provider import Runtime


class Liveness(NamedTuple):
    """What is known of a session's agent.

    :ivar alive: whether it runs. None: it cannot be known.
    :ivar reason: one line for people: how that is known, or why it is not.
    :ivar handle: the runtime that the answer is about. None: there is none.
    :ivar stray: whether that runtime was found, not recorded: an interrupted command had created it.
    """

    alive: bool | None
    reason: str
    handle: str | None = None
    stray: bool = False


class SessionView(NamedTuple):
    """A session as people should see it: its record, corrected by what was found.

    :ivar session: the record, its status and activity brought up to date; not written back.
    :ivar recorded: the record as it is in the store.
    :ivar liveness: what was found.
    :ivar note: what its runtime says of itself, a few words; empty when it says nothing.
    """

    session: Session
    recorded: Session
    liveness: Liveness
    note: str = ""


def probe(runtime: Runtime, session: Session) -> Liveness:
    """Ask the runtime plugin whether a session's agent runs; never raises for what a plugin does."""
    try:
        if session.pending is not None:
            stray = find_stray(runtime, session)
            if stray is not None:
                reason = f'an interrupted command left the runtime "{stray.name}" running'
                return Liveness(alive=True, reason=reason, handle=stray.handle, stray=True)
        if session.runtime_handle is None:
            return _no_runtime(session)
        return _answer(session, runtime.is_alive(session.runtime_handle))
    except PluginError as error:
        return Liveness(alive=None, reason=str(error), handle=session.runtime_handle)


def find_stray(runtime: Runtime, session: Session) -> DiscoveredRuntime | None:
    """Return a live runtime that was created for the session but is not the recorded one."""
    for found in runtime.discover() or ():
        if found.session_id == session.id and found.handle != session.runtime_handle:
            return found
    return None


def _no_runtime(session: Session) -> Liveness:
    if session.pending is not None:
        return Liveness(alive=False, reason="a command was interrupted before it had started the agent")
    return Liveness(alive=False, reason="no runtime was ever created")


def _answer(session: Session, alive: bool) -> Liveness:
    where = f'the {session.runtime} runtime "{session.next_runtime_name}"'
    reason = f"the agent runs in {where}" if alive else f"the agent in {where} is gone"
    return Liveness(alive=alive, reason=reason, handle=session.runtime_handle)


def is_over(session: Session) -> bool:
    """Return whether the record itself says that nothing runs, so that nobody needs to be asked."""
    return session.status.is_terminal and session.pending is None


def probe_many(host: Host, sessions: Iterable[Session]) -> dict[str, Liveness]:
    """Return what is known of each session by its id, in one round trip for each runtime plugin."""
    found: dict[str, Liveness] = {}
    by_runtime: dict[str, list[Session]] = defaultdict(list)
    for session in sessions:
        if is_over(session):
            found[session.id] = Liveness(alive=False, reason=f"it is {session.status}", handle=session.runtime_handle)
        else:
            by_runtime[session.runtime].append(session)
    for name, group in by_runtime.items():
        found.update(_probe_group(host, name, group))
    return found


def _probe_group(host: Host, name: str, sessions: Sequence[Session]) -> dict[str, Liveness]:
    try:
        host.require(name, "runtime")
    except PluginError as error:
        return {
            session.id: Liveness(alive=None, reason=str(error), handle=session.runtime_handle) for session in sessions
        }
    runtime = Runtime(host, name)
    singly = [session for session in sessions if session.pending is not None or session.runtime_handle is None]
    together = [session for session in sessions if session.pending is None and session.runtime_handle is not None]
    found = {session.id: probe(runtime, session) for session in singly}
    if runtime.lists_alive and len(together) > 1:
        found.update(_probe_together(runtime, together))
    elif together:
        found.update(_probe_each(runtime, together))
    return found


def _probe_each(runtime: Runtime, sessions: Sequence[Session]) -> dict[str, Liveness]:
    answers = runtime.are_alive([session.runtime_handle or "" for session in sessions])
    return {
        session.id: Liveness(alive=None, reason=str(answer), handle=session.runtime_handle)
        if isinstance(answer, PluginError)
        else _answer(session, answer)
        for session, answer in zip(sessions, answers, strict=True)
    }


def _probe_together(runtime: Runtime, sessions: Sequence[Session]) -> dict[str, Liveness]:
    handles = {session.id: session.runtime_handle or "" for session in sessions}
    reason = f"{runtime.name} cannot tell"
    answers: Mapping[str, bool] = {}
    try:
        answers = runtime.list_alive(list(handles.values()))
    except PluginError as error:
        reason = str(error)
    return {
        session.id: _answer(session, answers[handles[session.id]])
        if handles[session.id] in answers
        else Liveness(alive=None, reason=reason, handle=handles[session.id])
        for session in sessions
    }


def view(
    session: Session, liveness: Liveness, activity: ActivityState | None, *, tells_start: bool = True
) -> SessionView:
    """Correct a record by what was found: dead is terminated, and a live agent is doing something.

    :param tells_start: whether the agent can say that it has started. Of one that cannot, there is no better
        evidence than that it runs.
    """
    shown = session
    if liveness.alive:
        if activity is ActivityState.EXITED:
            liveness = liveness._replace(alive=False, reason="the agent has exited inside its runtime")
        else:
            is_up = activity is not None or not (tells_start or session.pending)
            shown = _seen(session, _live_status(session.status, is_up=is_up), activity)
    if liveness.alive is False:
        shown = _seen(session, _dead_status(session.status), ActivityState.EXITED)
    return SessionView(session=shown, recorded=session, liveness=liveness)


def _seen(session: Session, status: SessionStatus, activity: ActivityState | None) -> Session:
    """Return the record with what was found; itself if that is what it says, since to copy takes as long as to read."""
    if session.status is status and session.activity is activity:
        return session
    return session._replace(status=status, activity=activity)


def _dead_status(status: SessionStatus) -> SessionStatus:
    return status if status.is_terminal else SessionStatus.TERMINATED


def _live_status(status: SessionStatus, *, is_up: bool) -> SessionStatus:
    """Return the status of a live session: spawning until its agent is known to be up."""
    return SessionStatus.WORKING if status is SessionStatus.SPAWNING and is_up else status


def _activities(host: Host, sessions: Iterable[Session]) -> dict[str, tuple[ActivityState | None, bool]]:
    """Return what the agents of live sessions are doing, and whether they can say that they are up, by session id."""
    found: dict[str, tuple[ActivityState | None, bool]] = {}
    by_agent: dict[str, list[Session]] = defaultdict(list)
    for session in sessions:
        by_agent[session.agent].append(session)
    for name, group in by_agent.items():
        try:
            host.require(name, "agent")
        except PluginError as error:
            host.problems.append(str(error))
            continue
        agent = Agent(host, name)
        for session, activity in zip(group, agent.detect_activities(group), strict=True):
            if isinstance(activity, PluginError):
                host.problems.append(str(activity))
            else:
                found[session.id] = activity, agent.tells_start
    return found


def view_all(host: Host, sessions: Sequence[Session]) -> list[SessionView]:
    """Return every session as people should see it, in the order given."""
    found = probe_many(host, sessions)
    activities = _activities(host, (session for session in sessions if found[session.id].alive))
    unknown = None, True
    seen = ((session, *activities.get(session.id, unknown)) for session in sessions)
    return [
        view(session, found[session.id], activity, tells_start=tells_start) for session, activity, tells_start in seen
    ]


def with_notes(host: Host, views: Sequence[SessionView]) -> list[SessionView]:
    """Return the views with what the runtimes of live sessions say of themselves, asked once for each plugin."""
    handles: dict[str, list[str]] = defaultdict(list)
    for seen in views:
        if seen.liveness.alive and seen.liveness.handle is not None:
            handles[seen.recorded.runtime].append(seen.liveness.handle)
    notes: dict[str, Mapping[str, str]] = {}
    for name, group in handles.items():
        try:
            notes[name] = Runtime(host, name).describe(group)
        except PluginError as error:
            host.problems.append(str(error))
    return [
        seen._replace(note=notes.get(seen.recorded.runtime, {}).get(seen.liveness.handle or "", "")) for seen in views
    ]


def with_conversation(host: Host, seen: SessionView) -> SessionView:
    """Return the view with the conversation that the agent says is the session's now; as it was if it cannot say."""
    try:
        host.require(seen.session.agent, "agent")
        conversation = Agent(host, seen.session.agent).find_conversation(seen.recorded)
    except PluginError as error:
        host.problems.append(str(error))
        return seen
    return seen if conversation is None else seen._replace(session=seen.session._replace(conversation=conversation))


def died_unasked(seen: SessionView) -> bool:
    """Return whether a session ended by itself (crash, reboot) rather than by somebody's wish."""
    return seen.liveness.alive is False and (
        seen.recorded.status is SessionStatus.TERMINATED
        or not seen.recorded.status.is_terminal
        or seen.recorded.pending is not None
    )
