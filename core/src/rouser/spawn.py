"""The spawn sequence: record, workspace, runtime, prompt; what was made is unmade when a step fails.

The record comes first and each thing that is made is written into it at once, so that a process that is
killed leaves nothing that ``rouser restore`` cannot complete or ``rouser rm`` remove.
"""

from __future__ import annotations

import json
import os
import re
import unicodedata
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rouser.agent_provider import Agent
from rouser.config import Config
from rouser.delivery import Watch, await_start, verify
from rouser.errors import ConfigError, HookTimeoutError, PluginError, RouserError, StoreError
from rouser.host import Host
from rouser.launch import SPAWN, deliver, note_conversation, start
from rouser.launch_plan import LaunchPlan
from rouser.models import PromptReceipt, PromptState, Session, SessionStatus, is_valid_name
from rouser.providers import providers_of
from rouser.store import Store, now
from rouser.workspace_provider import Directory, Workspace

_SLUG_LENGTH: Final = 36


@dataclass(frozen=True, kw_only=True, slots=True)
class SpawnRequest:
    """What to spawn.

    :ivar task: what the agent is to do; may be empty.
    :ivar repository: a directory in the repository to work on.
    :ivar agent: name of the agent plugin.
    :ivar runtime: name of the runtime plugin.
    :ivar workspace: name of the workspace plugin.
    :ivar arguments: the agent's own arguments; what they mean is its plugin's business.
    :ivar agent_settings: the agent plugin's settings, kept with the session.
    :ivar runtime_options: what the runtime's plugin is to check and keep with the session.
    :ivar branch: the branch to work on. None: one named after the task.
    :ivar base: the revision that a new branch starts from. None: what the repository has checked out.
    :ivar name: a name for the session and its runtime. None: the short id.
    :ivar prompt: the initial prompt, word for word. None: what the agent's plugin makes of the task.
    :ivar spawned_by: who or what spawns it.
    """

    task: str
    repository: Path
    agent: str
    runtime: str
    workspace: str
    arguments: tuple[str, ...] = ()
    agent_settings: Mapping[str, Any] = field(default_factory=dict)
    runtime_options: Mapping[str, str] = field(default_factory=dict)
    branch: str | None = None
    base: str | None = None
    name: str | None = None
    prompt: str | None = None
    spawned_by: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SpawnOutcome:
    """What a spawn did.

    :ivar session: the record of the new session.
    :ivar launch_command: the agent's argv that was started.
    :ivar prompt_sent: whether the prompt was delivered.
    :ivar warnings: what went wrong without making the spawn fail, a line each.
    """

    session: Session
    launch_command: tuple[str, ...]
    prompt_sent: bool
    warnings: tuple[str, ...] = ()


def spawn_session(host: Host, store: Store, request: SpawnRequest, config: Config) -> SpawnOutcome:
    """Make a workspace, start an agent in it, and hand it its prompt.

    :raises ConfigError: the request cannot be carried out as it is worded; nothing was made.
    :raises AgentNotStartedError: the agent was started and has ended; the session stays.
    :raises PluginError: a plugin failed; what had been made was removed again, or is still on record when
        the plugin did not answer in time.
    :raises StoreError: the record cannot be written; no runtime was made.
    """
    session = new_session(store, request, config)
    runtime, agent, workspace = providers_of(host, session)
    if request.branch is None:
        session = on_new_branch(workspace, session)
    session = session._replace(runtime_config=dict(runtime.options(request.runtime_options)))
    session = session._replace(agent_config={**session.agent_config, **agent.prepare(session)})
    with store.lock(session.id, "spawn"), _explained(session):
        try:
            store.add(session, "added")
        except StoreError:
            _require_free_name(store, request.name)  # somebody may have taken it since it was found free
            raise
        host.notify("session_status_changed", session=session, old=None, new=session.status)
        try:
            session = _make_workspace(store, workspace, session)
            plan = _plan(agent, session)
            runtime.creating(session)
            session = start(store, runtime, agent, plan, session, SPAWN, {})
        except RouserError as error:
            with suppress(RouserError):  # a clean-up that fails must not hide why it was needed
                _undo(host, store, workspace, store.get(session.id), error)
            raise
        watch = Watch(runtime, agent, session)
        await_start(watch, config.prompt_timeout)
        delivery = deliver(store, watch, plan, config.prompt_timeout)
        session = note_conversation(store, agent, delivery.session, config.minimum_evidence)
        verify(watch)
        session = _settle(host, store, session, done=delivery.sent or not plan.prompt)
    warnings = (delivery.warning,) if delivery.warning else ()
    return SpawnOutcome(session=session, launch_command=plan.full_command, prompt_sent=delivery.sent, warnings=warnings)


@contextmanager
def _explained(session: Session) -> Iterator[None]:
    """Say what Ctrl-C leaves behind: a plugin may be at work, so nothing is undone."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        short = session.short_id
        interrupt.add_note(
            f"session {short} is on record, and its agent may have been started. "
            f"Complete it: rouser restore {short}, or undo it: rouser rm {short}"
        )
        raise


def new_session(store: Store, request: SpawnRequest, config: Config) -> Session:
    """Return the record of a session that is about to be spawned; nothing is written.

    :raises ConfigError: the directory, name or text cannot be used.
    """
    if not request.repository.is_dir():
        raise ConfigError(f"{request.repository} is not a directory; name the repository with --repo")
    for what, text in (
        ("task", request.task),
        ("branch", request.branch or ""),
        ("base", request.base or ""),
        ("prompt", request.prompt or ""),
    ):
        _require_text(what, text)
    if any("\0" in argument for argument in request.arguments):
        raise ConfigError("an argument of the agent holds a NUL character, which no program accepts")
    repository = repository_root(request.repository)
    session_id = str(uuid.uuid4())
    _require_free_name(store, request.name)
    moment = now()
    return Session(
        id=session_id,
        project_id=config.project or project_name(repository),
        status=SessionStatus.SPAWNING,
        name=request.name,
        agent=request.agent,
        agent_config=_agent_config(request),
        runtime=request.runtime,
        runtime_config={},
        workspace=request.workspace,
        repository=repository,
        branch=request.branch or free_branch(store, repository, config.branch_prefix, _topic(request), session_id),
        base=request.base or config.base or None,
        task=request.task,
        prompt=PromptReceipt(state=PromptState.QUEUED, at=moment),
        created_at=moment,
        updated_at=moment,
        initial_prompt_override=request.prompt,
        spawned_by=request.spawned_by,
        metadata={},
    )


def _agent_config(request: SpawnRequest) -> dict[str, Any]:
    """Return what restore relaunches the agent with, whatever the configuration says by then."""
    settings = dict(request.agent_settings)
    if request.arguments:
        settings["arguments"] = list(request.arguments)
    return kept_settings(request.agent, settings)


def kept_settings(agent: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return an agent's settings as they are kept with a session.

    :raises ConfigError: they hold what JSON cannot.
    """
    try:
        json.dumps(dict(settings), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"the settings of {agent} cannot be kept with the session: {error}") from error
    return dict(settings)


def project_name(repository: Path) -> str:
    """Return the directory's name as text, whatever bytes it is made of; the root directory has none."""
    return os.fsencode(repository.name).decode("utf-8", "replace") or "root"


def repository_root(start: Path) -> Path:
    """Return the nearest directory at or above ``start`` that has a ``.git``; ``start`` itself if none has."""
    start = start.resolve()
    return next((directory for directory in (start, *start.parents) if (directory / ".git").exists()), start)


def _require_text(what: str, text: str) -> None:
    if "\0" in text:
        raise ConfigError(f"the {what} holds a NUL character, which no program accepts")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(f"the {what} is not valid UTF-8") from error


def _require_free_name(store: Store, name: str | None) -> None:
    if name is None:
        return
    if not is_valid_name(name):
        raise ConfigError(
            f'"{name}" cannot be a name: letters, digits, "_" and "-", at most 64, beginning with a letter or digit'
        )
    session = store.named(name)
    if session is not None:
        raise ConfigError(
            f'the name "{name}" belongs to session {session.short_id} ({session.status}). '
            f"Choose another, or: rouser rm {session.short_id}"
        )


def _topic(request: SpawnRequest) -> str:
    return request.name or slug(request.task)


def free_branch(store: Store, repository: Path, prefix: str, topic: str, session_id: str) -> str:
    """Return a branch named after a topic, or else the session, that no other session of the repository uses."""
    branch = prefix + (topic or session_id[:8])
    taken = any(session.repository == repository for session in store.on_branch(branch))
    return _with_id(branch, session_id) if taken else branch


def on_new_branch(workspace: Workspace | Directory, session: Session) -> Session:
    """Return a session that is not recorded yet with a made-up branch that its repository does not have."""
    if workspace.has_branch(session.repository, session.branch):
        return session._replace(branch=_with_id(session.branch, session.id))
    return session


def _with_id(branch: str, session_id: str) -> str:
    return f"{branch}-{session_id[:8]}"


def slug(text: str) -> str:
    """Return ``text`` as a piece of a branch name: lower-case ASCII letters and digits, joined by ``-``."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", ascii_text.lower())
    result = ""
    for word in words:
        longer = f"{result}-{word}" if result else word[:_SLUG_LENGTH]
        if len(longer) > _SLUG_LENGTH:
            break
        result = longer
    return result


def _make_workspace(store: Store, workspace: Workspace | Directory, session: Session) -> Session:
    path = workspace.create(session, session.repository, session.branch, session.base)
    return store.update(session._replace(workspace_path=path), "workspace_created", {"path": str(path)})


def _plan(agent: Agent, session: Session) -> LaunchPlan:
    session = session._replace(conversation=agent.find_conversation(session))
    prompt = agent.initial_prompt(session)
    prompt = prompt if prompt.strip() else ""
    return LaunchPlan(
        session=session,
        command=agent.launch_command(session),
        resumed=False,
        prompt=prompt,
        prompt_arguments=agent.prompt_arguments(session, prompt) if prompt else None,
        environment=agent.environment(session),
        evidence={},
    )


def _undo(host: Host, store: Store, workspace: Workspace | Directory, session: Session, error: RouserError) -> None:
    """Remove what was made, unless a plugin may still be at work on it or a runtime may live: the record stays then."""
    detail = {"kind": error.kind, "message": str(error)}
    if session.pending is None and not isinstance(error, HookTimeoutError):
        try:
            for path in workspace.paths_of(session):
                workspace.destroy(path, force=False)
            store.remove(session, "spawn_failed", detail)
        except PluginError as failure:
            detail["clean_up"] = str(failure)
        else:
            host.notify("session_removed", session=session)
            return
    errored = store.update(session._replace(status=SessionStatus.ERRORED), "spawn_failed", detail)
    host.notify("session_status_changed", session=errored, old=session.status, new=errored.status)


def _settle(host: Host, store: Store, session: Session, *, done: bool) -> Session:
    """Record that the session is working, once its agent is up and has its prompt."""
    if not done:
        return session
    working = store.update(session._replace(status=SessionStatus.WORKING), "working")
    host.notify("session_status_changed", session=working, old=session.status, new=working.status)
    return working
