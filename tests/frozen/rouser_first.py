"""A plugin of every kind, written against rouser 0.1.0. It is never edited: plugins like it are out there.

It does what plugins of the time did: derive from the specifications, leave out parameters, return plain values.
"""

from rouser import (
    ActivityState,
    AgentSpec,
    Conversation,
    Diagnosis,
    DiscoveredRuntime,
    DiscoveredWorkspace,
    Evidence,
    HookError,
    PluginSpec,
    PromptState,
    RuntimeSpec,
    SessionEventsSpec,
    WorkspaceSpec,
    hookimpl,
    is_valid_name,
    time_left,
)


class First(RuntimeSpec, AgentSpec, WorkspaceSpec, SessionEventsSpec, PluginSpec):
    def __init__(self):
        self.live = {}
        self.told = []
        self.settings = {}

    @hookimpl
    def plugin_configure(self, settings):
        unknown = set(settings) - {"base"}
        if unknown:
            raise HookError(f"unknown setting {min(unknown)!r}; allowed is: base")
        self.settings = dict(settings)

    @hookimpl
    def plugin_scratch_settings(self, directory):
        return {"base": str(directory)}

    @hookimpl
    def plugin_diagnose(self):
        return [Diagnosis(subject="first", ok=True, message="all is well", remedy="")]

    @hookimpl
    def runtime_create(self, session, name, cwd, command, env):
        if not is_valid_name(name) or name in [found.name for found in self.live.values()]:
            raise HookError(f"{name} cannot be had")
        if not cwd.is_dir() or time_left() <= 0 or env.get("ROUSER_SESSION_ID") != session.id:
            raise HookError("nothing is as it was")
        handle = f"first:{name}:{len(self.told)}"
        self.live[handle] = DiscoveredRuntime(handle=handle, session_id=session.id, name=name)
        self.told.append(("created", tuple(command)))
        return handle

    @hookimpl
    def runtime_is_alive(self, handle):
        return handle in self.live

    @hookimpl
    def runtime_send_message(self, handle, message):
        self.told.append(("message", message))

    @hookimpl
    def runtime_destroy(self, handle):
        self.live.pop(handle, None)

    @hookimpl
    def runtime_get_output(self, handle, lines):
        return "ready"

    @hookimpl
    def runtime_attach_command(self, handle):
        return ["echo", handle]

    @hookimpl
    def runtime_list_alive(self, handles):
        return {handle: handle in self.live for handle in handles}

    @hookimpl
    def runtime_discover(self):
        return list(self.live.values())

    @hookimpl
    def agent_prepare(self, session):
        return {"kept": session.task}

    @hookimpl
    def agent_launch_command(self, session):
        return ["agent", "new", session.conversation.id]

    @hookimpl
    def agent_restore_command(self, session):
        return ["agent", "resume", session.conversation.id]

    @hookimpl
    def agent_environment(self):
        return {"AGENT": "first", "OUTER_AGENT": None}

    @hookimpl
    def agent_initial_prompt(self, session):
        return session.task

    @hookimpl
    def agent_prompt_arguments(self):
        return None

    @hookimpl
    def agent_prompt_state(self, prompt):
        return PromptState.DURABLE if ("message", prompt) in self.told else PromptState.QUEUED

    @hookimpl
    def agent_is_ready(self, output):
        return output == "ready"

    @hookimpl
    def agent_detect_activity(self, session):
        return ActivityState.READY

    @hookimpl
    def agent_find_conversation(self, session):
        return Conversation(id=session.id, evidence=Evidence.PINNED, reason="pinned at spawn")

    @hookimpl
    def agent_discover(self):
        return []

    @hookimpl
    def workspace_create(self, session, repository, branch, base):
        path = repository.parent / "workspaces" / session.id
        path.mkdir(parents=True, exist_ok=True)
        return path

    @hookimpl
    def workspace_exists(self, path):
        return path.is_dir()

    @hookimpl
    def workspace_destroy(self, path, force):
        if path.exists():
            path.rmdir()

    @hookimpl
    def workspace_restore(self, session, path):
        path.mkdir()
        return path

    @hookimpl
    def workspace_describe(self, path):
        return "clean"

    @hookimpl
    def workspace_discover(self):
        return [DiscoveredWorkspace(path=self.path, session_id="")] if hasattr(self, "path") else []

    @hookimpl
    def session_restoring(self, session):
        self.told.append(("restoring", session.id))

    @hookimpl
    def session_restored(self, session, outcome):
        self.told.append(("restored", outcome.resumed))

    @hookimpl
    def session_restore_failed(self, session, error):
        self.told.append(("failed", str(error)))

    @hookimpl
    def session_removed(self, session):
        self.told.append(("removed", session.id))

    @hookimpl
    def session_status_changed(self, session, old, new):
        self.told.append(("status", str(new)))
