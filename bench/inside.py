"""Single steps within a process: the store, the locks, the hooks, the plugins."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import pluggy

from bench.figures import Limit
from bench.prepare import session
from bench.records import fill
from bench.rounds import Work
from rouser import AgentSpec, Session
from rouser.host import Host
from rouser.store import Store
from rouser_command.plugin import CommandAgent

TITLE = "single steps within a process, each many times over"
ROUNDS = 20
STORED = 1_000
LIMITS = (
    Limit("store: get", "SQLite: get"),
    Limit("store: list 1,000", "SQLite: list 1,000"),
    Limit("store: change", "SQLite: change"),
    Limit("store: claim", "flock: claim"),
    Limit("host: call a hook", "pluggy: call a hook"),
    Limit("host: load a plugin", "pluggy: load a plugin"),
)


def works(scratch: Path, stack: ExitStack) -> Mapping[str, Work]:
    """Return what takes turns."""
    sessions = [session(scratch / "shop", scratch / "worktrees", number) for number in range(STORED)]
    store = stack.enter_context(Store(scratch / "home"))
    store.add(sessions[0], "added")
    fill(store.path, sessions[1:])
    bare = sqlite3.connect(store.path, isolation_level=None)
    stack.callback(bare.close)
    bare.execute("PRAGMA synchronous = FULL")
    one = sessions[STORED // 2]
    return {
        **_reading(store, bare, one),
        **_writing(store, bare, one, scratch / "claim"),
        **_plugins(one),
    }


def _times(number: int, step: Callable[[], object]) -> Work:
    def run() -> int:
        for _ in range(number):
            step()
        return 0

    return Work(run=run)


def _reading(store: Store, bare: sqlite3.Connection, one: Session) -> dict[str, Work]:
    return {
        "SQLite: get": _times(500, lambda: bare.execute("SELECT * FROM sessions WHERE id = ?", (one.id,)).fetchone()),
        "store: get": _times(500, lambda: store.get(one.id)),
        "SQLite: list 1,000": _times(3, lambda: bare.execute("SELECT * FROM sessions ORDER BY created_at").fetchall()),
        "store: list 1,000": _times(3, store.sessions),
    }


def _writing(store: Store, bare: sqlite3.Connection, one: Session, file: Path) -> dict[str, Work]:
    def change() -> None:
        bare.execute("BEGIN IMMEDIATE")
        bare.execute("UPDATE sessions SET status = status WHERE id = ?", (one.id,))
        bare.execute(
            "INSERT INTO history (session_id, at, event, detail) VALUES (?, ?, ?, ?)", (one.id, "", "floor", "{}")
        )
        bare.execute("COMMIT")

    def claim() -> None:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.unlink()
        os.close(descriptor)

    def claimed() -> None:
        with store.lock(one.id, "bench"):
            pass

    return {
        "SQLite: change": _times(20, change),
        "store: change": _times(20, lambda: store.update(one, "bench")),
        "flock: claim": _times(100, claim),
        "store: claim": _times(100, claimed),
    }


def _plugins(one: Session) -> dict[str, Work]:
    host = Host.load()
    host.require("command", "agent")

    def load_bare() -> pluggy.PluginManager:
        manager = pluggy.PluginManager("rouser")
        manager.add_hookspecs(AgentSpec)
        manager.register(CommandAgent())
        return manager

    manager = load_bare()
    return {
        "pluggy: call a hook": _times(500, lambda: manager.hook.agent_environment(session=one)),
        "host: call a hook": _times(500, lambda: host.call("command", "agent_environment", session=one)),
        "pluggy: load a plugin": _times(20, load_bare),
        "host: load a plugin": _times(20, lambda: Host.load().require("command", "agent")),
    }
