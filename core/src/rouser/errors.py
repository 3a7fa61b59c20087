"""Every error that rouser raises on purpose, as one tree.

Each class has a ``kind`` (stable, used in ``--json``) and an ``exit_code`` (stable, documented in
``docs/exit-codes.md``). The message is one line: what happened, to what, and what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from rouser.models import Session


class RouserError(Exception):
    """Base of all errors that rouser reports to people as one line."""

    kind: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1


class InternalError(RouserError):
    """A defect of rouser's own, met while it worked on one of many, which is no reason to leave out the others."""

    kind = "internal"
    exit_code = 70

    @classmethod
    def of(cls, error: BaseException) -> InternalError:
        """Return ``error``, which nobody raised on purpose, as one line that says what to do with it."""
        try:
            text = " ".join(str(error).split())
        except Exception:
            text = "its text cannot be had"
        hint = "this is a defect of rouser; run it again with --debug and report the traceback"
        made = cls(f"{type(error).__name__}: {text} ({hint})")
        made.__cause__ = error
        return made


class InterruptedRestoreError(RouserError):
    """A restore of several was interrupted before this one was done."""

    kind = "interrupted"
    exit_code = 130


class ConfigError(RouserError):
    """A configuration file, environment variable or option holds something unusable."""

    kind = "config"
    exit_code = 3


class SessionNotFoundError(RouserError):
    """No session has this id, name or id prefix; an empty one never matches."""

    kind = "session_not_found"
    exit_code = 4


class AmbiguousSessionError(RouserError):
    """A prefix matches several sessions.

    :ivar matches: the sessions that the prefix matches, oldest first.
    """

    kind = "session_ambiguous"
    exit_code = 5

    def __init__(self, message: str, matches: Sequence[Session] = ()) -> None:
        super().__init__(message)
        self.matches = tuple(matches)


class SessionBusyError(RouserError):
    """Another process or thread is working on this session right now."""

    kind = "session_busy"
    exit_code = 6


class SessionNotRestorableError(RouserError):
    """The session's status does not allow a restore: it is alive, or it was merged."""

    kind = "session_not_restorable"
    exit_code = 7


class LivenessUnknownError(RouserError):
    """The runtime could not tell whether the agent still runs, so nothing was changed."""

    kind = "liveness_unknown"
    exit_code = 8


class WorkspaceMissingError(RouserError):
    """The session's workspace is gone or unusable and could not be recreated."""

    kind = "workspace_missing"
    exit_code = 9


class PluginError(RouserError):
    """Base of the errors that concern one plugin.

    :ivar plugin: the entry-point name of the plugin.
    """

    kind = "plugin"
    exit_code = 10

    def __init__(self, message: str, plugin: str) -> None:
        super().__init__(message)
        self.plugin = plugin


class PluginNotFoundError(PluginError):
    """No plugin of this name is installed, or it does not serve the kind that is asked of it."""

    kind = "plugin_not_found"
    exit_code = 10


class PluginUnusableError(PluginError):
    """A plugin of this name is installed, but it is blocked, failed to load, or is in conflict."""

    kind = "plugin_unusable"
    exit_code = 11


class PluginCallError(PluginError):
    """A plugin's hook raised or returned something of the wrong type; the original is the cause.

    :ivar hook: the name of the hook that was called.
    """

    kind = "plugin_call"
    exit_code = 12

    def __init__(self, message: str, plugin: str, hook: str) -> None:
        super().__init__(message, plugin)
        self.hook = hook


class HookTimeoutError(PluginCallError):
    """A plugin's hook did not return within its deadline; what it began may still take effect."""

    kind = "hook_timeout"
    exit_code = 13


class StoreError(RouserError):
    """The session store cannot be used: damaged, from a newer rouser, locked, or the disk said no."""

    kind = "store"
    exit_code = 14


class MessageNotSentError(RouserError):
    """A message was not delivered to an agent."""

    kind = "message_not_sent"
    exit_code = 15


class AgentNotStartedError(RouserError):
    """A runtime was created, but the agent in it ended or never came up."""

    kind = "agent_not_started"
    exit_code = 16


class PartialFailureError(RouserError):
    """Of several sessions, some could not be handled; each was reported by itself."""

    kind = "partial_failure"
    exit_code = 17


class SessionAliveError(RouserError):
    """The session's agent is alive, and what was asked for needs it to be dead."""

    kind = "session_alive"
    exit_code = 18


class ConversationHeldError(RouserError):
    """Another live process has the session's conversation open, so it was not resumed a second time."""

    kind = "conversation_held"
    exit_code = 19


class ConversationNotFoundError(RouserError):
    """No conversation that an agent records has this id or prefix, or more than one has."""

    kind = "conversation_not_found"
    exit_code = 20


class ConversationOwnedError(RouserError):
    """The conversation belongs to a session already; it never belongs to two."""

    kind = "conversation_owned"
    exit_code = 21


class SnapshotError(RouserError):
    """The work in a workspace could not be kept, so what would have lost it was not done; or there is none to give."""

    kind = "snapshot"
    exit_code = 22


class HookError(RouserError):
    """What a plugin raises for a failure that people should read as one line.

    The host wraps whatever a hook raises in :class:`PluginCallError`; from this class it takes the
    message as it is, from any other exception also the type's name.
    """

    kind = "hook"
    exit_code = 12
