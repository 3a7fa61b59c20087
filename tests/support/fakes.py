"""Plugins that stand for the outside world: they write down what was asked of them, and fail on request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from rouser import (
    ActivityState,
    AgentSpec,
    Conversation,
    DiscoveredRuntime,
    HookError,
    PromptState,
    RestoreOutcome,
    RuntimeSpec,
    Session,
    SessionEventsSpec,
    SessionStatus,
    WorkspaceSpec,
    hookimpl,
)

CHANGING = frozenset(
    {
        "runtime_create",
        "runtime_send_message",
        "runtime_submit",
        "runtime_destroy",
        "workspace_create",
        "workspace_restore",
        "workspace_destroy",
    }
)
"""The hooks that change the world."""


@dataclass
class Journal:
    """What the plugins of one test were asked, in order, and what they do about it.

    :ivar calls: hook and most telling argument of each call.
    :ivar before: called before a hook does its work; may raise or hang.
    :ivar after: called after a hook has done its work, before it returns.
    """

    calls: list[tuple[str, Any]] = field(default_factory=list)
    before: dict[str, Callable[[], None]] = field(default_factory=dict)
    after: dict[str, Callable[[], None]] = field(default_factory=dict)

    def begin(self, hook: str, argument: Any) -> None:
        self.calls.append((hook, argument))
        self.before.get(hook, _nothing)()

    def end(self, hook: str) -> None:
        self.after.get(hook, _nothing)()

    def of(self, hook: str) -> list[Any]:
        """Return the arguments of all calls of one hook."""
        return [argument for name, argument in self.calls if name == hook]

    @property
    def changes(self) -> list[tuple[str, Any]]:
        """The calls that asked for a change of the world."""
        return [call for call in self.calls if call[0] in CHANGING]


def _nothing() -> None:
    """Stand for a hook that neither fails nor hangs."""


@dataclass(frozen=True)
class Created:
    """What ``runtime_create`` was given."""

    session: Session
    name: str
    cwd: Path
    command: tuple[str, ...]
    env: dict[str, str]


class PlainRuntime(RuntimeSpec):
    """A runtime in memory, with the required hooks only.

    :ivar ending: what its handles end with.
    """

    ending = ""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.live: dict[str, DiscoveredRuntime] = {}
        self.created: list[Created] = []
        self.output = ""

    @hookimpl
    def runtime_create(
        self, session: Session, name: str, cwd: Path, command: Sequence[str], env: Mapping[str, str]
    ) -> str:
        self.journal.begin("runtime_create", name)
        if any(runtime.name == name for runtime in self.live.values()):
            raise HookError(f"there is a runtime {name} already")
        self.created.append(Created(session, name, cwd, tuple(command), dict(env)))
        handle = f"handle-{len(self.created)}{self.ending}"
        self.live[handle] = DiscoveredRuntime(handle=handle, session_id=session.id, name=name)
        self.journal.end("runtime_create")
        return handle

    @hookimpl
    def runtime_is_alive(self, handle: str) -> bool:
        self.journal.begin("runtime_is_alive", handle)
        return handle in self.live

    @hookimpl
    def runtime_send_message(self, handle: str, message: str) -> None:
        self.journal.begin("runtime_send_message", message)
        if handle not in self.live:
            raise HookError(f"no runtime {handle}")

    @hookimpl
    def runtime_submit(self, handle: str) -> None:
        self.journal.begin("runtime_submit", handle)

    @hookimpl
    def runtime_destroy(self, handle: str) -> None:
        self.journal.begin("runtime_destroy", handle)
        self.live.pop(handle, None)

    @hookimpl
    def runtime_get_output(self, handle: str, lines: int) -> str:
        self.journal.begin("runtime_get_output", handle)
        return "\n".join(self.output.splitlines()[-lines:])


class FakeRuntime(PlainRuntime):
    """A runtime in memory that also finds what it made."""

    @hookimpl
    def runtime_discover(self) -> Sequence[DiscoveredRuntime]:
        self.journal.begin("runtime_discover", None)
        return list(self.live.values())


class FakeAgent(AgentSpec):
    """An agent whose answers are attributes; a callable is called for its answer."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.launch: Sequence[str] = ("agent", "new")
        self.resume: Sequence[str] | None = None
        self.environment: dict[str, str | None] = {}
        self.prompt = "please: {task}"
        self.activity: ActivityState | None = ActivityState.ACTIVE
        self.conversation: Conversation | None = None
        self.arguments: Sequence[str] | None = None
        self.remembers: Mapping[str, Any] | None = None
        self.started: Callable[[], bool | None] = lambda: None
        self.explanation: str | None = None
        self.holder: Callable[[], str | None] = lambda: None
        self.state: Callable[[], PromptState | None] = lambda: None
        self.typed = "{message}"
        self.holds: Callable[[], bool | None] = lambda: None
        self.ready: Callable[[], bool | None] = lambda: None

    @hookimpl
    def agent_launch_command(self, session: Session) -> Sequence[str]:
        self.journal.begin("agent_launch_command", session)
        return self.launch

    @hookimpl
    def agent_restore_command(self, session: Session) -> Sequence[str] | None:
        self.journal.begin("agent_restore_command", session)
        return self.resume

    @hookimpl
    def agent_environment(self, session: Session) -> Mapping[str, str | None]:
        self.journal.begin("agent_environment", session)
        return self.environment

    @hookimpl
    def agent_initial_prompt(self, session: Session) -> str:
        self.journal.begin("agent_initial_prompt", session)
        return self.prompt.format(task=session.task)

    @hookimpl
    def agent_detect_activity(self, session: Session) -> ActivityState | None:
        self.journal.begin("agent_detect_activity", session)
        return self.activity

    @hookimpl
    def agent_find_conversation(self, session: Session) -> Conversation | None:
        self.journal.begin("agent_find_conversation", session)
        return self.conversation

    @hookimpl
    def agent_prepare(self, session: Session) -> Mapping[str, Any] | None:
        self.journal.begin("agent_prepare", session)
        return self.remembers

    @hookimpl
    def agent_prompt_arguments(self, session: Session, prompt: str) -> Sequence[str] | None:
        self.journal.begin("agent_prompt_arguments", prompt)
        return self.arguments

    @hookimpl
    def agent_starting(self, session: Session, prompt: str) -> None:
        self.journal.begin("agent_starting", prompt)

    @hookimpl
    def agent_has_started(self, session: Session) -> bool | None:
        self.journal.begin("agent_has_started", session)
        return self.started()

    @hookimpl
    def agent_explain_screen(self, session: Session, output: str) -> str | None:
        self.journal.begin("agent_explain_screen", output)
        return self.explanation

    @hookimpl
    def agent_holder(self, session: Session) -> str | None:
        self.journal.begin("agent_holder", session)
        return self.holder()

    @hookimpl
    def agent_prompt_state(self, session: Session, prompt: str, since: datetime | None) -> PromptState | None:
        self.journal.begin("agent_prompt_state", prompt)
        return self.state()

    @hookimpl
    def agent_message(self, session: Session, message: str) -> str:
        self.journal.begin("agent_message", message)
        return self.typed.format(message=message)

    @hookimpl
    def agent_holds_input(self, session: Session, output: str, message: str) -> bool | None:
        self.journal.begin("agent_holds_input", message)
        return self.holds()

    @hookimpl
    def agent_is_ready(self, session: Session, output: str) -> bool | None:
        self.journal.begin("agent_is_ready", output)
        return self.ready()


class PlainWorkspace(WorkspaceSpec):
    """Workspaces that are directories; one that is gone stays gone."""

    def __init__(self, journal: Journal, root: Path) -> None:
        self.journal = journal
        self.root = root
        self.unusable: set[Path] = set()
        self.refuses = ""

    @hookimpl
    def workspace_create(self, session: Session, repository: Path, branch: str, base: str | None) -> Path:
        self.journal.begin("workspace_create", branch)
        path = self.root / session.id
        path.mkdir(parents=True, exist_ok=True)
        self.journal.end("workspace_create")
        return path

    @hookimpl
    def workspace_exists(self, path: Path) -> bool:
        self.journal.begin("workspace_exists", path)
        return path.is_dir() and path not in self.unusable

    @hookimpl
    def workspace_destroy(self, path: Path, force: bool) -> None:
        self.journal.begin("workspace_destroy", path)
        if self.refuses and not force:
            raise HookError(self.refuses)
        if path.exists():
            path.rmdir()


class FakeWorkspace(PlainWorkspace):
    """Workspaces that can be recreated."""

    @hookimpl
    def workspace_restore(self, session: Session, path: Path) -> Path:
        self.journal.begin("workspace_restore", (session.branch, path))
        path.mkdir(parents=True)
        return path


class FakeListener(SessionEventsSpec):
    """A plugin that listens to what happens to sessions."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    @hookimpl
    def session_restoring(self, session: Session) -> None:
        self.journal.begin("session_restoring", session)

    @hookimpl
    def session_restored(self, session: Session, outcome: RestoreOutcome) -> None:
        self.journal.begin("session_restored", outcome)

    @hookimpl
    def session_restore_failed(self, session: Session, error: Exception) -> None:
        self.journal.begin("session_restore_failed", error)

    @hookimpl
    def session_status_changed(self, session: Session, old: SessionStatus | None, new: SessionStatus) -> None:
        self.journal.begin("session_status_changed", (old, new))

    @hookimpl
    def session_removed(self, session: Session) -> None:
        self.journal.begin("session_removed", session)
