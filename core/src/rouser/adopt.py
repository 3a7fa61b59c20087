"""Making sessions of conversations that others started; what runs is left as it runs."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from rouser.agent_provider import Agent
from rouser.config import Config
from rouser.discover import Found
from rouser.errors import (
    ConversationOwnedError,
    HookTimeoutError,
    PluginError,
    SessionAliveError,
    WorkspaceMissingError,
)
from rouser.host import Host
from rouser.models import (
    Conversation,
    DiscoveredConversation,
    Evidence,
    PromptReceipt,
    PromptState,
    Session,
    SessionStatus,
)
from rouser.providers import first_usable
from rouser.runtime_provider import Runtime
from rouser.spawn import free_branch, kept_settings, on_new_branch, project_name, repository_root, slug
from rouser.store import Store, now
from rouser.workspace_provider import Directory, Workspace

_RANDOM: Final = 4
_NAMESPACE: Final = uuid.UUID("a0f6a54e-2f0c-4c5e-9f6b-3d1c0b7a54e1")


@dataclass(frozen=True, kw_only=True, slots=True)
class AdoptRequest:
    """How to take a conversation in.

    :ivar workspace: name of the workspace plugin that makes a workspace for it. None: it stays where it ran.
    :ivar runtime: name of the runtime plugin. None: for a live one the plugin in whose runtime it runs, for a
        dead one that of the configuration.
    """

    workspace: str | None = None
    runtime: str | None = None


def adopt_conversation(host: Host, store: Store, found: Found, request: AdoptRequest, config: Config) -> Session:
    """Make a session of a conversation and return its record.

    A conversation that no process holds becomes a terminated session, for a restore to resume. One that is
    live becomes a session that runs, where and as it does. The session's id follows from the conversation's, so
    that of any number of commands at once only one can succeed.

    :raises ConversationOwnedError: a session owns it already.
    :raises SessionAliveError: it is live and runs where no runtime plugin can adopt it, or is to be moved.
    :raises WorkspaceMissingError: the directory that it ran in is gone, and it is to stay there.
    :raises SessionBusyError: it is being adopted right now.
    :raises PluginError: a plugin is missing, failed or did not answer; nothing is on record, unless it is the
        workspace plugin that did not answer in time.
    :raises StoreError: the record cannot be written.
    """
    _require_free(found)
    host.require(found.agent, "agent")
    session = new_session(store, found, request, config)
    session = session._replace(runtime=first_usable(host, "runtime", session.runtime))
    with store.lock(session.id, "adopt"):
        _require_new(store, session, found)
        _require_place(found, request)
        prepared = Agent(host, found.agent).prepare(session)
        session = session._replace(agent_config={**session.agent_config, **prepared})
        if found.conversation.pid is not None:
            adopted = _adopt_live(host, store, session, found.conversation.pid, request, config)
        elif request.workspace is not None:
            adopted = _adopt_into_workspace(host, store, session, request.workspace)
        else:
            host.require(session.runtime, "runtime")
            adopted = store.add(session, "adopted")
    host.notify("session_status_changed", session=adopted, old=None, new=adopted.status)
    return adopted


def session_id_for(agent: str, conversation_id: str) -> str:
    """Return the id of the session that adopts a conversation: the conversation's own, where that is a random UUID.

    Other kinds begin with the time, so that what people see of them, and what runtimes are named by, would be the
    same for conversations of the same minute.
    """
    try:
        parsed = uuid.UUID(conversation_id)
    except ValueError:
        parsed = None
    if parsed is not None and parsed.version == _RANDOM and str(parsed) == conversation_id:
        return conversation_id
    return str(uuid.uuid5(_NAMESPACE, f"{agent}:{conversation_id}"))


def new_session(store: Store, found: Found, request: AdoptRequest, config: Config) -> Session:
    """Return the record of a dead conversation's session; nothing is written.

    It has no prompt: what was to be said was said before.
    """
    item, moment = found.conversation, now()
    repository = repository_root(item.directory)
    session_id = session_id_for(found.agent, item.id)
    in_place = request.workspace is None
    branch = item.branch or ""
    if not in_place:
        branch = free_branch(store, repository, config.branch_prefix, slug(item.first_words), session_id)
    return Session(
        id=session_id,
        project_id=config.project or project_name(repository),
        status=SessionStatus.TERMINATED,
        agent=found.agent,
        agent_config=kept_settings(found.agent, config.plugins.get(found.agent, {})),
        runtime=request.runtime or config.runtime,
        runtime_config={},
        workspace=request.workspace,
        workspace_path=item.directory if in_place else None,
        repository=repository,
        branch=branch,
        base=None if in_place else item.branch,
        task=item.first_words,
        conversation=Conversation(id=item.id, evidence=Evidence.PINNED, reason="adopted by its id"),
        prompt=PromptReceipt(state=PromptState.DURABLE, at=moment, reason="it was there when it was adopted"),
        created_at=moment,
        updated_at=moment,
        initial_prompt_override="",
        metadata={},
    )


def _require_free(found: Found) -> None:
    if found.owner is not None:
        raise _owned(found, found.owner)


def _require_new(store: Store, session: Session, found: Found) -> None:
    """Look again under the lock: another command may have been quicker."""
    for other in store.sessions():
        held = other.conversation.id if other.conversation is not None else None
        if other.id == session.id or (other.agent == found.agent and held == found.conversation.id):
            raise _owned(found, other)


def _owned(found: Found, owner: Session) -> ConversationOwnedError:
    short = owner.short_id
    return ConversationOwnedError(
        f"{_label(found.conversation)} belongs to session {short} ({owner.status}) already. See: rouser show {short}"
    )


def _require_place(found: Found, request: AdoptRequest) -> None:
    item = found.conversation
    if found.alive and request.workspace is not None:
        raise SessionAliveError(
            f"{_label(item)} is live (process {item.pid}) and cannot be moved into a workspace. Adopt it where it "
            f"runs: rouser adopt {item.id}, or end it first"
        )
    if not found.alive and request.workspace is None and not Directory().exists(item.directory):
        raise WorkspaceMissingError(
            f"{_label(item)} cannot be adopted in place: the directory {item.directory}, where it ran, is gone or "
            "cannot be entered. Bring it back first"
        )


def _adopt_live(host: Host, store: Store, session: Session, pid: int, request: AdoptRequest, config: Config) -> Session:
    """Have the runtime that the process is in marked as the session's, then record it.

    In this order: a mark that nobody recorded does no harm, and the next adoption finds it; a record without
    its runtime would let a restore start a second agent on the conversation.
    """
    for name in _runtimes(host, request, config):
        wanted = session._replace(runtime=name, status=SessionStatus.WORKING)
        handle = Runtime(host, name).adopt(wanted, pid)
        if handle is not None:
            return store.add(wanted._replace(runtime_handle=handle), "adopted", {"handle": handle, "pid": pid})
    names = ", ".join(_runtimes(host, request, config)) or "there is none"
    raise SessionAliveError(
        f"{session.short_id} is live: process {pid} holds the conversation, and not in a runtime that rouser could "
        f"take over ({names}). Nothing was changed. End that process, then adopt the conversation and restore it"
    )


def _runtimes(host: Host, request: AdoptRequest, config: Config) -> list[str]:
    if request.runtime is not None:
        host.require(request.runtime, "runtime")
        return [request.runtime] if Runtime(host, request.runtime).adopts else []
    able = [name for name in host.names("runtime") if Runtime(host, name).adopts]
    preferred = [name.strip() for name in config.runtime.split(",")]
    return sorted(able, key=lambda name: preferred.index(name) if name in preferred else len(preferred))


def _adopt_into_workspace(host: Host, store: Store, session: Session, workspace_name: str) -> Session:
    """Record the session, then make its workspace: a process that is killed in between leaves no orphan."""
    host.require(session.runtime, "runtime")
    host.require(workspace_name, "workspace")
    workspace = Workspace(host, workspace_name)
    session = on_new_branch(workspace, session)
    store.add(session, "adopted")
    try:
        path = workspace.create(session, session.repository, session.branch, session.base)
    except HookTimeoutError:
        raise  # it may still be at work; a restore asks for the workspace again
    except PluginError as error:
        store.remove(session, "adopt_failed", {"error": str(error)})
        raise
    return store.update(session._replace(workspace_path=path), "workspace_created", {"path": str(path)})


def _label(item: DiscoveredConversation) -> str:
    return f"conversation {item.id}"
