"""Which plugins serve a session, and which one is to serve a new one."""

from __future__ import annotations

from rouser.agent_provider import Agent
from rouser.errors import PluginUnusableError
from rouser.host import Host
from rouser.models import Session
from rouser.provider import Provider
from rouser.runtime_provider import Runtime
from rouser.workspace_provider import Directory, Workspace


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
            reason = Provider(host, name).unavailable()
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
