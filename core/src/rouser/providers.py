"""Typed facades over ``host.call``: the rest of the program never sees an untyped hook.

Each method is the hook of the same name for one named plugin; it checks the type of what comes back, and
answers for optional hooks that the plugin leaves out. All raise what :meth:`rouser.host.Host.call` raises.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from rouser.errors import ConfigError, PluginCallError, PluginError, PluginUnusableError
from rouser.host import Host
from rouser.models import (
    ActivityState,
    Conversation,
    Diagnosis,
    DiscoveredConversation,
    DiscoveredRuntime,
    DiscoveredWorkspace,
    PromptState,
    Session,
    Snapshot,
)

T = TypeVar("T")


class _Provider:
    """One plugin in one role."""

    kind = ""

    def __init__(self, host: Host, name: str) -> None:
        self._host: Final = host
        self.name: Final = name

    def _has(self, hook: str) -> bool:
        return self._host.implements(self.name, hook)

    def _call(self, hook: str, **arguments: Any) -> Any:
        return self._host.call(self.name, hook, **arguments)

    def _typed(self, expected: type[T], hook: str, **arguments: Any) -> T:
        value = self._call(hook, **arguments)
        if not isinstance(value, expected):
            raise self._wrong(hook, value, expected.__name__)
        return value

    def _optional(self, expected: type[T], hook: str, **arguments: Any) -> T | None:
        """Call an optional hook that may answer None, which is also the answer of a plugin that leaves it out."""
        value = self._call(hook, **arguments) if self._has(hook) else None
        if value is not None and not isinstance(value, expected):
            raise self._wrong(hook, value, f"{expected.__name__} or None")
        return value

    def _argv(self, hook: str, *, optional: bool = False, **arguments: Any) -> tuple[str, ...] | None:
        value = self._call(hook, **arguments)
        if value is None and optional:
            return None
        if isinstance(value, str | bytes) or not isinstance(value, Sequence):
            raise self._wrong(hook, value, "sequence of str")
        if not all(isinstance(item, str) for item in value):
            raise self._wrong(hook, value, "sequence of str")
        return tuple(value)

    def _entries(self, expected: type[T], hook: str, **arguments: Any) -> list[T]:
        value = self._call(hook, **arguments)
        if isinstance(value, str | bytes) or not isinstance(value, Sequence):
            raise self._wrong(hook, value, f"sequence of {expected.__name__}")
        for item in value:
            if not isinstance(item, expected):
                raise self._wrong(hook, item, expected.__name__)
        return list(value)

    def _json(self, hook: str, value: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            json.dumps(dict(value))
        except (TypeError, ValueError) as error:
            raise self._wrong(hook, value, "mapping of str to JSON values") from error
        return value

    def _wrong(self, hook: str, value: object, expected: str) -> PluginCallError:
        return PluginCallError(
            f"{self.name} returned {type(value).__name__} from {hook}, where {expected} is expected",
            self.name,
            hook,
        )

    def unavailable(self) -> str | None:
        """Return why the plugin is of no use on this machine; None when it is, or does not say."""
        if not self._has("plugin_available"):
            return None
        value = self._call("plugin_available")
        if value is not None and not isinstance(value, str):
            raise self._wrong("plugin_available", value, "str or None")
        return value

    def diagnose(self) -> list[Diagnosis]:
        """Return the plugin's own findings; empty when it has none."""
        return self._entries(Diagnosis, "plugin_diagnose") if self._has("plugin_diagnose") else []


class Runtime(_Provider):
    """A runtime plugin."""

    kind = "runtime"

    def create(self, session: Session, name: str, cwd: Path, command: Sequence[str], env: Mapping[str, str]) -> str:
        """Start ``command`` in a new runtime and return its handle."""
        handle = self._typed(
            str, "runtime_create", session=session, name=name, cwd=cwd, command=tuple(command), env=env
        )
        is_text = handle.isascii() or not any("\ud800" <= char <= "\udfff" for char in handle)
        if not handle or "\0" in handle or not is_text:
            raise self._wrong("runtime_create", handle, "text that can be kept, not empty")
        return handle

    def is_alive(self, handle: str) -> bool:
        """Return whether the agent in the runtime still runs."""
        return self._typed(bool, "runtime_is_alive", handle=handle)

    def list_alive(self, handles: Sequence[str]) -> dict[str, bool]:
        """Return for each handle whether its agent runs; those of which it is unknown are left out."""
        value = self._typed(Mapping, "runtime_list_alive", handles=tuple(handles))  # type: ignore[type-abstract]
        return {handle: alive for handle, alive in value.items() if isinstance(alive, bool)}

    @property
    def caller_environment(self) -> Mapping[str, str]:
        """The environment that rouser was called with."""
        return self._host.environment

    @property
    def lists_alive(self) -> bool:
        """Whether the plugin answers for many handles in one round trip."""
        return self._has("runtime_list_alive")

    def send_message(self, handle: str, message: str) -> None:
        """Type a message into the agent's terminal and submit it."""
        self._call("runtime_send_message", handle=handle, message=message)

    @property
    def submits(self) -> bool:
        """Whether the plugin can submit what stands typed in the agent's terminal."""
        return self._has("runtime_submit")

    def submit(self, handle: str) -> None:
        """Submit what stands typed in the agent's terminal."""
        self._call("runtime_submit", handle=handle)

    def destroy(self, handle: str) -> None:
        """End the runtime and every process in it."""
        self._call("runtime_destroy", handle=handle)

    def get_output(self, handle: str, lines: int) -> str | None:
        """Return the last lines of the agent's terminal; None when the plugin keeps no output."""
        if not self._has("runtime_get_output"):
            return None
        return self._typed(str, "runtime_get_output", handle=handle, lines=lines)

    @property
    def ends(self) -> bool:
        """Whether the plugin ends a runtime and returns its output in one call."""
        return self._has("runtime_end")

    def end(self, handle: str, lines: int) -> str:
        """End the runtime and every process in it, and return the last lines of the agent's terminal."""
        return self._typed(str, "runtime_end", handle=handle, lines=lines)

    def attach_command(self, handle: str) -> tuple[str, ...] | None:
        """Return the argv that attaches the terminal; None when the plugin has no such thing."""
        if not self._has("runtime_attach_command"):
            return None
        return self._argv("runtime_attach_command", handle=handle)

    def describe(self, handles: Sequence[str]) -> Mapping[str, str]:
        """Return what the plugin has to say of live runtimes, for those of which there is something."""
        if not handles or not self._has("runtime_describe"):
            return {}
        value = self._typed(Mapping, "runtime_describe", handles=tuple(handles))  # type: ignore[type-abstract]
        return {handle: note for handle, note in value.items() if isinstance(note, str)}

    def options(self, options: Mapping[str, str]) -> Mapping[str, Any]:
        """Return what a session keeps of the options that it was spawned with.

        :raises PluginCallError: one is not allowed.
        :raises ConfigError: the plugin takes none.
        """
        if not options:
            return {}
        if not self._has("runtime_options"):
            raise ConfigError(f"the runtime {self.name} takes no options; leave --runtime-option out")
        value = self._typed(Mapping, "runtime_options", options=dict(options))  # type: ignore[type-abstract]
        return self._json("runtime_options", value)

    def discover(self) -> list[DiscoveredRuntime] | None:
        """Return the live runtimes that the plugin made; None when it cannot tell."""
        return self._entries(DiscoveredRuntime, "runtime_discover") if self._has("runtime_discover") else None

    @property
    def adopts(self) -> bool:
        """Whether the plugin can take over a runtime that somebody started by hand."""
        return self._has("runtime_adopt")

    def adopt(self, session: Session, pid: int) -> str | None:
        """Take the runtime that a process runs in for the session's; None when it is none of the plugin's."""
        value = self._call("runtime_adopt", session=session, pid=pid)
        if value is not None and not isinstance(value, str):
            raise self._wrong("runtime_adopt", value, "str or None")
        return value


class Agent(_Provider):
    """An agent plugin."""

    kind = "agent"

    def prepare(self, session: Session) -> Mapping[str, Any]:
        """Check that the session can be run; return what to add to its ``agent_config``."""
        if not self._has("agent_prepare"):
            return {}
        value = self._call("agent_prepare", session=session)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise self._wrong("agent_prepare", value, "mapping or None")
        return self._json("agent_prepare", value)

    def launch_command(self, session: Session) -> tuple[str, ...]:
        """Return the argv of a fresh conversation."""
        command = self._argv("agent_launch_command", session=session)
        if not command:
            raise self._wrong("agent_launch_command", command, "argv with at least one element")
        return command

    def restore_command(self, session: Session) -> tuple[str, ...] | None:
        """Return the argv that resumes the conversation; None when there is nothing to resume."""
        return self._argv("agent_restore_command", optional=True, session=session) or None

    def environment(self, session: Session) -> Mapping[str, str | None]:
        """Return the variables that the agent needs, or with None must not have."""
        value = self._typed(Mapping, "agent_environment", session=session)  # type: ignore[type-abstract]
        for name, text in value.items():
            if not isinstance(name, str) or not (text is None or isinstance(text, str)):
                raise self._wrong("agent_environment", {name: text}, "mapping of str to str")
        return value

    def initial_prompt(self, session: Session) -> str:
        """Return the session's initial prompt: its override, else what the plugin makes of its task."""
        if session.initial_prompt_override is not None:
            return session.initial_prompt_override
        return self._typed(str, "agent_initial_prompt", session=session)

    def prompt_arguments(self, session: Session, prompt: str) -> tuple[str, ...] | None:
        """Return the argv tail that carries the prompt; None when it must be sent through the runtime."""
        if not self._has("agent_prompt_arguments"):
            return None
        return self._argv("agent_prompt_arguments", optional=True, session=session, prompt=prompt)

    def starting(self, session: Session, prompt: str) -> None:
        """Let the plugin write what the command that is about to be started needs."""
        if self._has("agent_starting"):
            self._call("agent_starting", session=session, prompt=prompt)

    @property
    def tells_start(self) -> bool:
        """Whether the plugin can say that its agent is up."""
        return self._has("agent_has_started")

    def has_started(self, session: Session) -> bool | None:
        """Return whether the agent itself has said that it is up; None when it cannot be told."""
        return self._optional(bool, "agent_has_started", session=session)

    def explain_screen(self, session: Session, output: str) -> str | None:
        """Return what keeps the agent from working, as its terminal shows; None when nothing is recognised."""
        return self._optional(str, "agent_explain_screen", session=session, output=output)

    @property
    def explains_screens(self) -> bool:
        """Whether the plugin can recognise what its agent's terminal shows."""
        return self._has("agent_explain_screen")

    def holder(self, session: Session) -> str | None:
        """Return the live process that has the conversation open; None when nobody has, or it cannot be told."""
        return self._optional(str, "agent_holder", session=session)

    def prompt_state(self, session: Session, prompt: str, since: datetime | None = None) -> PromptState | None:
        """Return how far a prompt got; None when it cannot be told."""
        return self._optional(PromptState, "agent_prompt_state", session=session, prompt=prompt, since=since)

    def message(self, session: Session, message: str) -> str:
        """Return what to type so that the agent reads ``message``."""
        if not self._has("agent_message"):
            return message
        return self._typed(str, "agent_message", session=session, message=message)

    def holds_input(self, session: Session, output: str, message: str) -> bool | None:
        """Return whether what was typed stands in the input, not submitted; None when it cannot be told."""
        return self._optional(bool, "agent_holds_input", session=session, output=output, message=message)

    def is_ready(self, session: Session, output: str) -> bool | None:
        """Return whether the agent takes input now; None when it cannot be told."""
        return self._optional(bool, "agent_is_ready", session=session, output=output)

    @property
    def tells_readiness(self) -> bool:
        """Whether the plugin can say when its agent takes input."""
        return self._has("agent_is_ready")

    def detect_activity(self, session: Session) -> ActivityState | None:
        """Return what the agent is doing; None when it cannot be told."""
        value = self._call("agent_detect_activity", session=session)
        if value is not None and not isinstance(value, ActivityState):
            raise self._wrong("agent_detect_activity", value, "ActivityState or None")
        return value

    def detect_activities(self, sessions: Sequence[Session]) -> list[ActivityState | PluginError | None]:
        """Return for each session what :meth:`detect_activity` would return or raise."""
        found = self._host.call_each(self.name, "agent_detect_activity", [{"session": item} for item in sessions])
        return [
            value
            if value is None or isinstance(value, ActivityState | PluginError)
            else self._wrong("agent_detect_activity", value, "ActivityState or None")
            for value in found
        ]

    def find_conversation(self, session: Session) -> Conversation | None:
        """Return the session's conversation; None when there is none."""
        value = self._call("agent_find_conversation", session=session)
        if value is not None and not isinstance(value, Conversation):
            raise self._wrong("agent_find_conversation", value, "Conversation or None")
        return value

    @property
    def discovers(self) -> bool:
        """Whether the plugin can tell of conversations that no session began."""
        return self._has("agent_discover")

    def discover(self, since: datetime | None) -> list[DiscoveredConversation]:
        """Return the conversations on this machine; those since a time, and those that are live."""
        found = self._entries(DiscoveredConversation, "agent_discover", since=since)
        for item in found:
            if not item.id or not item.directory.is_absolute() or item.last_activity.tzinfo is None:
                raise self._wrong("agent_discover", item, "an id, an absolute path and a time with its zone")
        return found


class Workspace(_Provider):
    """A workspace plugin."""

    kind = "workspace"

    def create(self, session: Session, repository: Path, branch: str, base: str | None) -> Path:
        """Make the session's workspace and return its absolute path."""
        path = self._typed(Path, "workspace_create", session=session, repository=repository, branch=branch, base=base)
        return self._absolute("workspace_create", path)

    def exists(self, path: Path) -> bool:
        """Return whether ``path`` is a usable workspace."""
        return self._typed(bool, "workspace_exists", path=path)

    @property
    def restores(self) -> bool:
        """Whether the plugin can recreate a workspace that is gone."""
        return self._has("workspace_restore")

    def restore(self, session: Session, path: Path) -> Path:
        """Recreate a workspace from the session's branch."""
        return self._absolute("workspace_restore", self._typed(Path, "workspace_restore", session=session, path=path))

    def destroy(self, path: Path, *, force: bool) -> None:
        """Remove the workspace; without ``force`` only if no work is lost."""
        self._call("workspace_destroy", path=path, force=force)

    def has_branch(self, repository: Path, branch: str) -> bool:
        """Return whether the repository has the branch already; False when the plugin cannot tell."""
        if not self._has("workspace_has_branch"):
            return False
        return self._typed(bool, "workspace_has_branch", repository=repository, branch=branch)

    def describe(self, path: Path) -> str:
        """Return one line on the work in the workspace; empty when the plugin has nothing to say."""
        return self._typed(str, "workspace_describe", path=path) if self._has("workspace_describe") else ""

    def discover(self) -> list[DiscoveredWorkspace]:
        """Return the workspaces that the plugin made and that still exist."""
        return self._entries(DiscoveredWorkspace, "workspace_discover") if self._has("workspace_discover") else []

    @property
    def keeps_snapshots(self) -> bool:
        """Whether the plugin can keep work that is not committed."""
        return self._has("workspace_snapshot")

    def snapshot(self, session: Session, path: Path, reason: str) -> Snapshot | None:
        """Keep the work in a workspace; None when there is nothing to keep that is not kept already."""
        found = self._optional(Snapshot, "workspace_snapshot", session=session, path=path, reason=reason)
        return None if found is None else self._sound("workspace_snapshot", found)

    def snapshots(self, session: Session) -> list[Snapshot]:
        """Return the session's snapshots, newest first; none when the plugin keeps none."""
        if not self._has("workspace_snapshots"):
            return []
        found = self._entries(Snapshot, "workspace_snapshots", session=session)
        return sorted(
            (self._sound("workspace_snapshots", one) for one in found), key=lambda one: one.number, reverse=True
        )

    def restore_snapshot(self, session: Session, path: Path, number: int, *, overwrite: bool) -> list[str]:
        """Put the work of a snapshot back; return the names of the files that were left as they are."""
        return self._entries(
            str, "workspace_restore_snapshot", session=session, path=path, number=number, overwrite=overwrite
        )

    def drop_snapshot(self, session: Session, number: int) -> None:
        """Forget a snapshot, for good."""
        self._call("workspace_drop_snapshot", session=session, number=number)

    def _sound(self, hook: str, snapshot: Snapshot) -> Snapshot:
        if snapshot.number < 1 or snapshot.at.tzinfo is None:
            raise self._wrong(hook, snapshot, "a number from 1 and a time with its zone")
        return snapshot

    def paths_of(self, session: Session) -> list[Path]:
        """Return where the session's workspace is: as recorded, else as found after an interrupted spawn."""
        if session.workspace_path is not None:
            return [session.workspace_path]
        return [found.path for found in self.discover() if found.session_id == session.id]

    def _absolute(self, hook: str, path: Path) -> Path:
        if not path.is_absolute():
            raise self._wrong(hook, path, "absolute path")
        return path


class Directory:
    """Stands for a workspace plugin where a session works in place: the directory is never changed or removed."""

    name: Final = "in place"
    restores: Final = False
    keeps_snapshots: Final = False

    def create(self, session: Session, repository: Path, branch: str, base: str | None) -> Path:
        """Return the repository itself: there is nothing to make."""
        del session, branch, base
        return repository

    def exists(self, path: Path) -> bool:
        """Return whether ``path`` is a directory that an agent can run in."""
        try:
            return path.is_dir() and os.access(path, os.R_OK | os.X_OK)
        except OSError:
            return False

    def restore(self, session: Session, path: Path) -> Path:
        """Refuse: it is not ours to bring back."""
        del session
        raise AssertionError(f"nobody restores {path}: see restores")

    def destroy(self, path: Path, *, force: bool) -> None:
        """Leave the directory alone, forced or not."""

    def has_branch(self, repository: Path, branch: str) -> bool:
        """Return False: no branch is made."""
        del repository, branch
        return False

    def describe(self, path: Path) -> str:
        """Return nothing: what is in the directory need not be the session's work."""
        del path
        return ""

    def paths_of(self, session: Session) -> list[Path]:
        """Return nothing: no path is the session's own."""
        del session
        return []


def workspace_of(host: Host, session: Session) -> Workspace | Directory:
    """Return what stands for the session's workspace.

    :raises PluginNotFoundError: its plugin is not installed or is of another kind.
    :raises PluginUnusableError: it is not loaded.
    """
    if session.workspace is None:
        return Directory()
    host.require(session.workspace, "workspace")
    return Workspace(host, session.workspace)


def first_usable(host: Host, kind: str, names: str) -> str:
    """Return the first of several plugins that is there and of use on this machine.

    :param names: entry-point names in order of preference, separated by commas. A single one is returned
        unexamined: whoever names it wants it, or to hear why not.
    :raises PluginNotFoundError: none of them is installed, or one is of another kind.
    :raises PluginUnusableError: none is of use here; or one is broken, which is to be mended and not passed over.
    """
    listed = [name.strip() for name in names.split(",") if name.strip()]
    if len(listed) == 1:
        return listed[0]
    there = host.there
    reasons = []
    for name in listed:
        if name in there:
            host.require(name, kind)
            reason = _Provider(host, name).unavailable()
            if reason is None:
                return name
            reasons.append(f"{name}: {reason}")
    if not reasons:
        host.require(listed[0] if listed else names, kind)
    raise PluginUnusableError(f"no {kind} can be used here; {'; '.join(reasons)}", listed[0])


def providers_of(host: Host, session: Session) -> tuple[Runtime, Agent, Workspace | Directory]:
    """Return the plugins that a session names.

    :raises PluginNotFoundError: one is not installed or is of another kind.
    :raises PluginUnusableError: one is not loaded.
    """
    for name, kind in ((session.runtime, "runtime"), (session.agent, "agent")):
        host.require(name, kind)
    return Runtime(host, session.runtime), Agent(host, session.agent), workspace_of(host, session)
