"""The values that the host, its plugins and the store exchange: named tuples and enums.

Every command defines them, so it matters that a named tuple takes a tenth of the time of a dataclass, and half of
that if its annotations are no strings, each of which would be compiled.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

_LONGEST_NAME: Final = 64


class SessionStatus(StrEnum):
    """Where a session stands. The values are what is stored and what people see."""

    SPAWNING = "spawning"
    WORKING = "working"
    PR_OPEN = "pr_open"
    CI_FAILED = "ci_failed"
    REVIEW_PENDING = "review_pending"
    CHANGES_REQUESTED = "changes_requested"
    APPROVED = "approved"
    MERGEABLE = "mergeable"
    MERGE_FAILED = "merge_failed"
    MERGED = "merged"
    CLEANUP = "cleanup"
    NEEDS_INPUT = "needs_input"
    STUCK = "stuck"
    ERRORED = "errored"
    KILLED = "killed"
    IDLE = "idle"
    DONE = "done"
    TERMINATED = "terminated"

    @property
    def is_terminal(self) -> bool:
        """Whether a session of this status is not expected to have a live runtime."""
        return self in _TERMINAL

    @property
    def is_restorable(self) -> bool:
        """Whether a session of this status may be restored: terminal, and not merged."""
        return self.is_terminal and self is not SessionStatus.MERGED


_TERMINAL: Final = frozenset(
    {
        SessionStatus.KILLED,
        SessionStatus.TERMINATED,
        SessionStatus.DONE,
        SessionStatus.CLEANUP,
        SessionStatus.ERRORED,
        SessionStatus.MERGED,
    }
)


class ActivityState(StrEnum):
    """What an agent is doing, as its plugin finds from the agent's own evidence."""

    ACTIVE = "active"
    READY = "ready"
    IDLE = "idle"
    WAITING_INPUT = "waiting_input"
    BLOCKED = "blocked"
    EXITED = "exited"


class Evidence(StrEnum):
    """How a conversation was found to belong to a session, from the strongest to the weakest."""

    PINNED = "pinned"
    HOOK = "hook"
    PROCESS = "process"
    NEWEST_FILE = "newest_file"

    def at_least(self, floor: "Evidence") -> bool:
        """Return whether this evidence is as strong as ``floor``, or stronger."""
        order = list(Evidence)
        return order.index(self) <= order.index(floor)


class PromptState(StrEnum):
    """How far a prompt got on its way to the agent."""

    QUEUED = "queued"
    HANDED_OVER = "handed_over"
    ACCEPTED = "accepted"
    DURABLE = "durable"
    FAILED = "failed"


class Conversation(NamedTuple):
    """One conversation of an agent.

    :ivar id: the agent's own id of the conversation, not empty.
    :ivar evidence: how it was found to belong to the session.
    :ivar reason: one line for people: what was looked at, and what it said.
    """

    id: str
    evidence: Evidence
    reason: str = ""


class PromptReceipt(NamedTuple):
    """What is known of the delivery of a session's initial prompt.

    :ivar digest: which prompt it was: the first 16 hexadecimal digits of its SHA-256. Empty: not handed over yet.
    :ivar state: how far it got.
    :ivar at: when it got there, in UTC.
    :ivar reason: one line for people, empty when there is nothing to explain.
    """

    state: PromptState
    at: datetime
    reason: str = ""
    digest: str = ""


class RuntimeIntent(NamedTuple):
    """What is recorded before a runtime is created, so that a crash in between leaves a trace.

    :ivar name: the name that the runtime gets.
    :ivar command: the agent's argv, without the arguments that carry the prompt.
    :ivar resumed: whether the command resumes a conversation.
    :ivar prompt_in_command: whether the command carries the prompt.
    :ivar at: when the intent was recorded, in UTC.
    """

    name: str
    command: tuple[str, ...]
    resumed: bool
    prompt_in_command: bool
    at: datetime


class Session(NamedTuple):
    """One agent working on one task, in one workspace, inside one runtime.

    A changed copy is made by ``session._replace(task="...")``.

    :ivar id: a UUID in its canonical form; never changes.
    :ivar project_id: the project that people group sessions by; the repository's name by default.
    :ivar status: where the session stands, as last recorded.
    :ivar name: what ``--name`` gave: accepted wherever an id is, and the runtime's name. None: none was given.
    :ivar agent: entry-point name of the agent plugin.
    :ivar agent_config: the agent plugin's settings as they were at spawn; ``arguments`` holds what stood
        behind ``--`` on the command line, as a list of strings. JSON values only.
    :ivar runtime: entry-point name of the runtime plugin.
    :ivar runtime_config: what ``--runtime-option`` gave, as the runtime plugin's ``runtime_options`` returned it.
        JSON values only.
    :ivar runtime_handle: what ``runtime_create`` returned last; opaque to all but that plugin. None: never created.
    :ivar runtime_name: the name that the last runtime was created under.
    :ivar workspace: entry-point name of the workspace plugin. None: the session works in place, in a directory
        that is the user's own and is never changed or removed.
    :ivar workspace_path: the workspace's absolute path. None: not created yet.
    :ivar repository: the absolute path of the repository that the workspace is made from, or is in.
    :ivar branch: the branch that the session works on; empty for one in place whose branch is not known.
    :ivar base: the revision that the branch was started from. None: the repository's ``HEAD`` at the time.
    :ivar task: what the agent was asked to do; may be empty.
    :ivar activity: what the agent was last seen doing. None: nothing is known.
    :ivar conversation: the agent's conversation. None: none is known.
    :ivar prompt: the receipt of the initial prompt. None: nothing is known.
    :ivar pending: what was about to be created when the record was written. None: nothing is under way.
    :ivar created_at: when the session was spawned, in UTC.
    :ivar updated_at: when the record was last written, in UTC.
    :ivar issue_id: id of the issue that the session works on, in whatever tracker.
    :ivar issue_url: address of that issue.
    :ivar initial_prompt_override: sent in place of the agent plugin's initial prompt.
    :ivar spawned_by: who or what spawned the session, for instance another session's id.
    :ivar metadata: what plugins and callers want kept with the session. JSON values only.
    """

    id: str
    project_id: str
    status: SessionStatus
    agent: str
    runtime: str
    workspace: str | None
    repository: Path
    branch: str
    created_at: datetime
    updated_at: datetime
    name: str | None = None
    agent_config: Mapping[str, Any] = MappingProxyType({})
    runtime_config: Mapping[str, Any] = MappingProxyType({})
    runtime_handle: str | None = None
    runtime_name: str | None = None
    workspace_path: Path | None = None
    base: str | None = None
    task: str = ""
    activity: ActivityState | None = None
    conversation: Conversation | None = None
    prompt: PromptReceipt | None = None
    pending: RuntimeIntent | None = None
    issue_id: str | None = None
    issue_url: str | None = None
    initial_prompt_override: str | None = None
    spawned_by: str | None = None
    metadata: Mapping[str, Any] = MappingProxyType({})

    @property
    def short_id(self) -> str:
        """The first eight characters of the id, which is how people see it."""
        return self.id[:8]

    @property
    def next_runtime_name(self) -> str:
        """The name for the next runtime: the previous one, else ``--name``, else the short id."""
        return self.runtime_name or self.name or self.short_id


class RestoreOutcome(NamedTuple):
    """What a restore did, or would do, and why.

    :ivar session: the record as it is after the restore.
    :ivar launch_command: the agent's argv that was started, the prompt's arguments included.
    :ivar runtime_handle: the new runtime's handle. None in a dry run.
    :ivar resumed: whether the conversation was resumed.
    :ivar prompt_sent: whether the initial prompt was delivered by this restore.
    :ivar adopted: whether a runtime that an interrupted command had left was taken over.
    :ivar evidence: one line for each decision: ``runtime``, ``workspace``, ``conversation``, ``prompt``.
    :ivar warnings: what went wrong without making the restore fail, a line each.
    """

    session: Session
    launch_command: tuple[str, ...]
    runtime_handle: str | None
    resumed: bool
    prompt_sent: bool
    adopted: bool = False
    evidence: Mapping[str, str] = MappingProxyType({})
    warnings: tuple[str, ...] = ()


class DiscoveredRuntime(NamedTuple):
    """A live runtime that a runtime plugin created at some time.

    :ivar handle: the handle that ``runtime_create`` returned for it.
    :ivar session_id: id of the session that it was created for.
    :ivar name: the name that it was created under.
    """

    handle: str
    session_id: str
    name: str


class DiscoveredWorkspace(NamedTuple):
    """A workspace that a workspace plugin created at some time and that still exists.

    :ivar path: its absolute path.
    :ivar session_id: id of the session that it was created for.
    """

    path: Path
    session_id: str


class Snapshot(NamedTuple):
    """The work that a workspace held at some time and that was not committed, kept by its plugin.

    :ivar number: 1 or more, greater than that of any earlier snapshot of the session that is still kept.
    :ivar commit: how the plugin itself names it, a commit's id for instance.
    :ivar at: when it was taken, in UTC.
    :ivar reason: why it was taken, a few words.
    :ivar files: how many files it has that were not committed, those that were deleted included.
    :ivar bytes: the size of these files.
    :ivar left_out: what of the workspace is not in it, and why, a line each.
    """

    number: int
    commit: str
    at: datetime
    reason: str = ""
    files: int = 0
    bytes: int = 0
    left_out: tuple[str, ...] = ()


class DiscoveredConversation(NamedTuple):
    """A conversation on this machine, whoever started it.

    :ivar id: the agent's own id of the conversation, not empty.
    :ivar directory: the absolute path of the directory it ran in; it may be gone.
    :ivar last_activity: when it was last written to, in UTC.
    :ivar branch: the branch that was checked out there last. None: the agent did not record it.
    :ivar first_words: how the first prompt in it begins, one line of at most some hundred characters.
    :ivar pid: the process that holds it, certain to be the agent's own. None: no live process does.
    """

    id: str
    directory: Path
    last_activity: datetime
    branch: str | None = None
    first_words: str = ""
    pid: int | None = None


class Diagnosis(NamedTuple):
    """One finding of ``rouser doctor``.

    :ivar subject: what was looked at, a word or two.
    :ivar ok: whether it is as it should be.
    :ivar message: what was found, one line.
    :ivar remedy: what to do about it, one line; empty when nothing needs doing.
    :ivar if_used: whether it is a fault only where the plugin is used: by a session, or by the configuration.
    """

    subject: str
    ok: bool
    message: str
    remedy: str = ""
    if_used: bool = False


def is_valid_name(name: str) -> bool:
    """Return whether ``name`` may name a session or runtime.

    Letters, digits, ``_`` and ``-``, at most 64 characters, beginning with a letter or digit: what tmux,
    file systems and shells all take as it is (tmux turns ``.`` and ``:`` into ``_`` without a word).
    """
    is_made_of_these = name.isascii() and all(char.isalnum() or char in "_-" for char in name)
    return is_made_of_these and name[:1].isalnum() and len(name) <= _LONGEST_NAME
