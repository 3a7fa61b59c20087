"""A host with fake plugins and a real store, and sessions to put into it."""

from __future__ import annotations

import itertools
import sqlite3
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from support.fakes import FakeAgent, FakeListener, FakeRuntime, FakeWorkspace, Journal, PlainRuntime, PlainWorkspace

from rouser import DiscoveredRuntime, PromptReceipt, PromptState, RestoreOutcome, RuntimeIntent, Session, SessionStatus
from rouser.config import Config
from rouser.host import Host
from rouser.restore import plan_restore, restore_session
from rouser.store import Store

LONG_AGO = datetime(2024, 2, 29, 12, 30, 15, 123456, tzinfo=UTC)


def make_session(repository: Path, **fields: Any) -> Session:
    """Return the record of a terminated session; ``fields`` say what differs."""
    values: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "project_id": "shop",
        "status": SessionStatus.TERMINATED,
        "agent": "agent",
        "runtime": "runtime",
        "workspace": "workspace",
        "repository": repository,
        "branch": "rouser/fix",
        "task": "fix the test",
        "created_at": LONG_AGO,
        "updated_at": LONG_AGO,
        "agent_config": {},
        "runtime_config": {},
        "metadata": {},
    }
    return Session(**(values | fields))


def receipt(state: PromptState) -> PromptReceipt:
    return PromptReceipt(state=state, at=LONG_AGO)


def intent(name: str, **fields: Any) -> RuntimeIntent:
    """Return what an interrupted command has left in the record."""
    values: dict[str, Any] = {"command": ("agent", "new"), "resumed": False, "prompt_in_command": False}
    return RuntimeIntent(name=name, at=LONG_AGO, **(values | fields))


class Stage:
    """Everything that a restore or spawn touches, below one directory."""

    def __init__(
        self,
        root: Path,
        *,
        runtime: type[PlainRuntime] = FakeRuntime,
        workspace: type[PlainWorkspace] = FakeWorkspace,
        seconds: float = 5.0,
    ) -> None:
        self.root = root
        self.repository = root / "shop"
        self.repository.mkdir(exist_ok=True)
        self.journal = Journal()
        self.runtime = runtime(self.journal)
        self.agent = FakeAgent(self.journal)
        self.workspace = workspace(self.journal, root / "workspaces")
        self.host = Host(seconds=seconds)
        self.host.register(self.runtime, "runtime")
        self.host.register(self.agent, "agent")
        self.host.register(self.workspace, "workspace")
        self.host.register(FakeListener(self.journal), "listener")
        self.store = Store(root / "home")
        self.config = Config(agent="agent", runtime="runtime", workspace="workspace", prompt_timeout=0.3)
        self._over = threading.Event()
        self._count = itertools.count()

    def close(self) -> None:
        """Let every hook that hangs return, and close the store."""
        self._over.set()
        self.store.close()

    def hang(self) -> None:
        """Hang until the test is over; to be used as a hook's behaviour."""
        self._over.wait(60)

    def add(self, *, alive: bool = False, **fields: Any) -> Session:
        """Put a session into the store: terminated, with a workspace and a stale runtime, unless told otherwise."""
        number = next(self._count)
        values: dict[str, Any] = {"runtime_handle": f"old-{number}", "runtime_name": f"name-{number}"}
        session = make_session(self.repository, **(values | fields))
        if "workspace_path" not in fields:
            path = self.root / "workspaces" / session.id
            path.mkdir(parents=True)
            session = session._replace(workspace_path=path)
        if alive:
            self.run(session, session.runtime_handle or "", session.runtime_name or "")
        return self.store.add(session, "added")

    def run(self, session: Session, handle: str, name: str) -> None:
        """Have a live runtime of this handle."""
        self.runtime.live[handle] = DiscoveredRuntime(handle=handle, session_id=session.id, name=name)

    def restore(self, text: str, **options: Any) -> RestoreOutcome:
        return restore_session(self.host, self.store, text, self.config, **options)

    def plan(self, text: str, **options: Any) -> RestoreOutcome:
        return plan_restore(self.host, self.store, text, self.config, **options)

    def row(self, session: Session) -> tuple[Any, ...]:
        """Return the bare row of a session, read past the store."""
        connection = sqlite3.connect(self.store.path)
        try:
            found: tuple[Any, ...] = connection.execute("SELECT * FROM sessions WHERE id = ?", (session.id,)).fetchone()
            return found
        finally:
            connection.close()

    def events(self, session: Session) -> list[str]:
        """Return what the session's history says, the adding left out."""
        return [entry.event for entry in self.store.history(session.id)][1:]


def raiser(error: BaseException) -> Callable[[], None]:
    """Return a function that raises ``error``."""

    def fail() -> None:
        raise error

    return fail


def at_first(*fates: Callable[[], None]) -> Callable[[], None]:
    """Return a function that does one of ``fates`` at each of its first calls, and nothing later."""
    left = iter(fates)

    def act() -> None:
        fate = next(left, None)
        if fate is not None:
            fate()

    return act
