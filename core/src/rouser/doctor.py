"""What ``rouser doctor`` looks at: state directory, database, plugins, sessions, and what nobody owns."""

from __future__ import annotations

import stat
from collections import Counter
from collections.abc import Iterator
from typing import Final

from rouser.config import Config
from rouser.errors import PluginError, RouserError
from rouser.host import Host
from rouser.loader import PluginState
from rouser.models import Diagnosis, Session
from rouser.runtime_provider import Runtime
from rouser.store import Store
from rouser.workspace_provider import Workspace

_SALVAGE: Final = (
    "save what is readable: rouser doctor --salvage NEW.db, and put that in its place; or a backup, if you have one"
)


def examine(host: Host, store: Store, config: Config) -> list[Diagnosis]:
    """Return all findings, good and bad; never raises for what it finds.

    A finding that is in order and has a remedy is a note: something is missing that nobody uses.
    """
    findings = list(_state_directory(store))
    try:
        sessions = store.sessions()
        problems = store.check_integrity()
    except RouserError as error:
        remedy = _SALVAGE if "is damaged" in str(error) else ""
        findings.append(Diagnosis(subject="database", ok=False, message=str(error), remedy=remedy))
        sessions = []
    else:
        findings.append(_database(store, sessions, problems))
    findings += _plugins(host, _used(config, sessions))
    findings += _missing(host, sessions)
    findings += _interrupted(sessions)
    findings += _orphans(host, {session.id for session in sessions})
    return findings


def _state_directory(store: Store) -> Iterator[Diagnosis]:
    directory = store.path.parent
    if not directory.exists():
        yield Diagnosis(subject="state", ok=True, message=f"{directory} will be made when it is needed")
        return
    for path, allowed in ((directory, 0o700), (store.path, 0o600)):
        if not path.exists():
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            yield Diagnosis(
                subject="state",
                ok=False,
                message=f"{path} can be read by others (mode {mode:o})",
                remedy=f"chmod {allowed:o} {path}",
            )
        else:
            yield Diagnosis(subject="state", ok=True, message=f"{path} is private")


def _database(store: Store, sessions: list[Session], problems: list[str]) -> Diagnosis:
    if problems:
        return Diagnosis(
            subject="database",
            ok=False,
            message=f"{store.path} is damaged: {problems[0]}",
            remedy=_SALVAGE,
        )
    count = "1 session" if len(sessions) == 1 else f"{len(sessions)} sessions"
    return Diagnosis(subject="database", ok=True, message=f"sound, {count}")


def _used(config: Config, sessions: list[Session]) -> set[str]:
    """Return the names of the plugins that a session has, that new ones would get, or that have settings."""
    chosen = {config.agent, config.workspace, *(name.strip() for name in config.runtime.split(","))}
    of_sessions = {name for session in sessions for name in (session.agent, session.runtime, session.workspace)}
    return {*chosen, *config.plugins, *filter(None, of_sessions)}


def _plugins(host: Host, used: set[str]) -> Iterator[Diagnosis]:
    if not host.plugins:
        yield Diagnosis(
            subject="plugins", ok=False, message="none are installed", remedy='pip install "rouser[standard]"'
        )
    for info in host.plugins:
        if info.state is not PluginState.LOADED:
            blocked = info.state is PluginState.BLOCKED
            yield Diagnosis(subject=info.name, ok=blocked, message=f"{info.state}: {info.error}")
            continue
        try:
            found = Runtime(host, info.name).diagnose()
        except PluginError as error:
            found = [Diagnosis(subject=info.name, ok=False, message=str(error))]
        label = f"{info.distribution} {info.version}".strip() or "registered"
        if info.name not in used:
            found = [_excused(finding) for finding in found]
        yield from found or [Diagnosis(subject=info.name, ok=True, message=label)]


def _missing(host: Host, sessions: list[Session]) -> Iterator[Diagnosis]:
    """Yield the plugins that sessions have and that are not installed: of these sessions nothing can be known."""
    there = {info.name for info in host.plugins}
    named = Counter(
        name
        for session in sessions
        for name in {session.agent, session.runtime, session.workspace}
        if name and name not in there
    )
    for name, count in sorted(named.items()):
        whose = "1 session" if count == 1 else f"{count} sessions"
        yield Diagnosis(
            subject=name,
            ok=False,
            message=f"the plugin of {whose} is not installed",
            remedy=f"pip install rouser-{name}, or whichever package has it",
        )


def _excused(finding: Diagnosis) -> Diagnosis:
    if finding.ok or not finding.if_used:
        return finding
    return finding._replace(ok=True, message=f"{finding.message}; nothing here uses it")


def _interrupted(sessions: list[Session]) -> Iterator[Diagnosis]:
    for session in sessions:
        if session.pending is not None:
            yield Diagnosis(
                subject=session.short_id,
                ok=False,
                message="a command was interrupted while it started the agent",
                remedy=f"rouser restore {session.short_id}, or rouser rm {session.short_id}",
            )


def _orphans(host: Host, known: set[str]) -> Iterator[Diagnosis]:
    for name in host.names("runtime"):
        try:
            runtimes = Runtime(host, name).discover() or []
        except PluginError as error:
            yield Diagnosis(subject=name, ok=False, message=str(error))
            continue
        for found in runtimes:
            if found.session_id not in known:
                yield Diagnosis(
                    subject=name,
                    ok=False,
                    message=f'"{found.name}" runs for session {found.session_id[:8]}, which is on record nowhere here',
                    remedy="end it by hand, unless another ROUSER_HOME knows it",
                )
    for name in host.names("workspace"):
        try:
            workspaces = Workspace(host, name).discover()
        except PluginError as error:
            yield Diagnosis(subject=name, ok=False, message=str(error))
            continue
        for workspace in workspaces:
            if workspace.session_id not in known:
                yield Diagnosis(
                    subject=name,
                    ok=False,
                    message=f"{workspace.path} belongs to no session",
                    remedy="look what is in it, then remove it by hand",
                )
