"""rouser restores terminated sessions of coding agents; this package is what plugins import.

The names below load on first use, so that ``import rouser`` costs nothing.
"""

from __future__ import annotations

from rouser._version import __version__

# Known to type checkers by its name. To import it from typing takes 3 ms, before the program has its say on anything.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from rouser.child import ChildProcess
    from rouser.client_program import ClientProgram
    from rouser.daemons import RUNTIME_VARIABLE, carried_tokens, find_daemons
    from rouser.deadline import time_left
    from rouser.errors import (
        AgentNotStartedError,
        AmbiguousSessionError,
        ConfigError,
        ConversationHeldError,
        ConversationNotFoundError,
        ConversationOwnedError,
        HookError,
        HookTimeoutError,
        LivenessUnknownError,
        MessageNotSentError,
        PartialFailureError,
        PluginCallError,
        PluginError,
        PluginNotFoundError,
        PluginUnusableError,
        RouserError,
        SessionAliveError,
        SessionBusyError,
        SessionNotFoundError,
        SessionNotRestorableError,
        SnapshotError,
        StoreError,
        WorkspaceMissingError,
    )
    from rouser.git_program import GitFailedError, GitTimeoutError, operation_under_way, require_git, run_git
    from rouser.git_snapshots.policy import SnapshotPolicy, snapshot_policy
    from rouser.git_snapshots.snapshots import GitSnapshots
    from rouser.hookspecs import AgentSpec, PluginSpec, RuntimeSpec, SessionEventsSpec, WorkspaceSpec, hookimpl
    from rouser.models import (
        ActivityState,
        Conversation,
        Diagnosis,
        DiscoveredConversation,
        DiscoveredRuntime,
        DiscoveredWorkspace,
        Evidence,
        PromptReceipt,
        PromptState,
        RestoreOutcome,
        RuntimeIntent,
        Session,
        SessionStatus,
        Snapshot,
        is_valid_name,
    )
    from rouser.paths import data_directory, state_directory
    from rouser.prompt_files import PromptFile, write_private
    from rouser.running import RunningProgram, run_program, start_program
    from rouser.session_processes import end_process_of, is_process_of
    from rouser.settings_table import SettingsTable
    from rouser.together import Together

_MODULES = {
    "rouser.paths": ("data_directory", "state_directory"),
    "rouser.deadline": ("time_left",),
    "rouser.together": ("Together",),
    "rouser.daemons": ("RUNTIME_VARIABLE", "carried_tokens", "find_daemons"),
    "rouser.child": ("ChildProcess",),
    "rouser.running": ("RunningProgram", "run_program", "start_program"),
    "rouser.client_program": ("ClientProgram",),
    "rouser.prompt_files": ("PromptFile", "write_private"),
    "rouser.session_processes": ("end_process_of", "is_process_of"),
    "rouser.settings_table": ("SettingsTable",),
    "rouser.errors": (
        "AgentNotStartedError",
        "AmbiguousSessionError",
        "ConfigError",
        "ConversationHeldError",
        "ConversationNotFoundError",
        "ConversationOwnedError",
        "HookError",
        "HookTimeoutError",
        "LivenessUnknownError",
        "MessageNotSentError",
        "PartialFailureError",
        "PluginCallError",
        "PluginError",
        "PluginNotFoundError",
        "PluginUnusableError",
        "RouserError",
        "SessionAliveError",
        "SessionBusyError",
        "SessionNotFoundError",
        "SessionNotRestorableError",
        "SnapshotError",
        "StoreError",
        "WorkspaceMissingError",
    ),
    "rouser.git_program": ("GitFailedError", "GitTimeoutError", "operation_under_way", "require_git", "run_git"),
    "rouser.git_snapshots.policy": ("SnapshotPolicy", "snapshot_policy"),
    "rouser.git_snapshots.snapshots": ("GitSnapshots",),
    "rouser.hookspecs": ("AgentSpec", "PluginSpec", "RuntimeSpec", "SessionEventsSpec", "WorkspaceSpec", "hookimpl"),
    "rouser.models": (
        "ActivityState",
        "Conversation",
        "Diagnosis",
        "DiscoveredConversation",
        "DiscoveredRuntime",
        "DiscoveredWorkspace",
        "Evidence",
        "PromptReceipt",
        "PromptState",
        "RestoreOutcome",
        "RuntimeIntent",
        "Session",
        "SessionStatus",
        "Snapshot",
        "is_valid_name",
    ),
}
_WHERE = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "RUNTIME_VARIABLE",
    "ActivityState",
    "AgentNotStartedError",
    "AgentSpec",
    "AmbiguousSessionError",
    "ChildProcess",
    "ClientProgram",
    "ConfigError",
    "Conversation",
    "ConversationHeldError",
    "ConversationNotFoundError",
    "ConversationOwnedError",
    "Diagnosis",
    "DiscoveredConversation",
    "DiscoveredRuntime",
    "DiscoveredWorkspace",
    "Evidence",
    "GitFailedError",
    "GitSnapshots",
    "GitTimeoutError",
    "HookError",
    "HookTimeoutError",
    "LivenessUnknownError",
    "MessageNotSentError",
    "PartialFailureError",
    "PluginCallError",
    "PluginError",
    "PluginNotFoundError",
    "PluginSpec",
    "PluginUnusableError",
    "PromptFile",
    "PromptReceipt",
    "PromptState",
    "RestoreOutcome",
    "RouserError",
    "RunningProgram",
    "RuntimeIntent",
    "RuntimeSpec",
    "Session",
    "SessionAliveError",
    "SessionBusyError",
    "SessionEventsSpec",
    "SessionNotFoundError",
    "SessionNotRestorableError",
    "SessionStatus",
    "SettingsTable",
    "Snapshot",
    "SnapshotError",
    "SnapshotPolicy",
    "StoreError",
    "Together",
    "WorkspaceMissingError",
    "WorkspaceSpec",
    "__version__",
    "carried_tokens",
    "data_directory",
    "end_process_of",
    "find_daemons",
    "hookimpl",
    "is_process_of",
    "is_valid_name",
    "operation_under_way",
    "require_git",
    "run_git",
    "run_program",
    "snapshot_policy",
    "start_program",
    "state_directory",
    "time_left",
    "write_private",
]


def __getattr__(name: str) -> object:
    """Import the module that defines ``name`` and keep the value here for the next time."""
    module = _WHERE.get(name)
    if module is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module

    value: object = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)
