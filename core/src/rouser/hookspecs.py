"""The hooks, one Protocol class per kind of plugin.

A plugin is a module or an object whose hookimpls carry the ``hookimpl`` marker and the names below. A class
that names a Protocol here as its base has its signatures checked by mypy and pyright. All hooks of a kind are
required unless marked optional; a plugin that implements any hook of a kind serves that kind.

What holds for all of them: a hook is called in a thread that is not the main one, and may overlap with calls for
other sessions, never with one that changes the same session. Every call has a deadline, see
:func:`rouser.time_left`. Whatever is raised reaches people as one line that names the plugin; raise
:class:`rouser.HookError` to word that line. Arguments are passed by keyword; leave out those you don't need.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import pluggy

from rouser.models import (
    ActivityState,
    Conversation,
    Diagnosis,
    DiscoveredConversation,
    DiscoveredRuntime,
    DiscoveredWorkspace,
    PromptState,
    RestoreOutcome,
    Session,
    SessionStatus,
    Snapshot,
)

F = TypeVar("F", bound=Callable[..., Any])

PROJECT: Final = "rouser"
hookimpl: Final = pluggy.HookimplMarker(PROJECT)
_routed: Final = pluggy.HookspecMarker(PROJECT)(firstresult=True)
_broadcast: Final = pluggy.HookspecMarker(PROJECT)


def _optional(function: F) -> F:
    """Mark a hook that a plugin of its kind may leave out; the body below says what happens then."""
    function.rouser_optional = True  # type: ignore[attr-defined]
    return function


class RuntimeSpec(Protocol):
    """Where agents run: a tmux session, a container, a batch job."""

    @_routed
    def runtime_create(
        self, session: Session, name: str, cwd: Path, command: Sequence[str], env: Mapping[str, str]
    ) -> str:
        """Start ``command`` in a new runtime and return its handle.

        Called at spawn and at restore, after the session's intent was recorded. Return only when the command
        has been started. When a runtime called ``name`` exists already, fail and leave it alone: creation
        decides who wins.

        :param session: the session that the runtime is for.
        :param name: what people attach to, satisfying :func:`rouser.is_valid_name`.
        :param cwd: the absolute path of an existing directory.
        :param command: the argv, at least one element, any bytes but NUL; never to be read by a shell.
        :param env: the whole environment of the command: nothing of the backend's own environment is added, but
            what belongs to the terminal (``TERM``, ``TMUX``, ...). May hold secrets: keep it out of process lists.
        :returns: an opaque, printable string that identifies this very runtime, also after a reboot.
        :raises HookError: the runtime could not be created; nothing of it is left behind.
        """
        ...

    @_routed
    def runtime_is_alive(self, handle: str) -> bool:
        """Return whether the agent process in the runtime still runs, not merely the runtime around it.

        :param handle: what ``runtime_create`` returned, perhaps on an earlier day.
        :returns: True or False, both only when known for certain.
        :raises HookError: it cannot be known: the backend hangs, denies access, or answers nonsense.
        """
        ...

    @_routed
    def runtime_send_message(self, handle: str, message: str) -> None:
        """Type ``message`` into the agent's terminal, once and whole, and submit it.

        :param message: text of one or more lines, not blank. Control characters other than newline and tab
            must not reach the terminal.
        :raises HookError: it was not delivered.
        """
        ...

    @_routed
    def runtime_destroy(self, handle: str) -> None:
        """End the runtime and every process in it; return when they are gone.

        Idempotent: a handle whose runtime is gone, or never was, is not an error. Touches nothing else, in
        particular no runtime whose name merely begins with this one's.

        :raises HookError: it could not be ended, or it is not known whether it was.
        """
        ...

    @_optional
    @_routed
    def runtime_creating(self, session: Session) -> None:
        """Begin what takes time before a runtime can be created: connect, or start a server.

        Called when it is settled that ``runtime_create`` comes next, before the host writes down that it will. It may
        not come all the same, as when that cannot be written. So nothing may be made that would outlive this
        process, and nothing be waited for.

        :param session: the session that the runtime is for.
        :raises HookError: it could not be begun; ``runtime_create`` is called all the same.
        """
        return

    @_optional
    @_routed
    def runtime_get_output(self, handle: str, lines: int) -> str:
        """Return the last ``lines`` lines (1 to 100,000) of the agent's terminal as plain text.

        Also wanted of a runtime whose agent has ended, for as long as the output is there.

        :raises HookError: there is no such runtime, or it does not answer.
        """
        return ""

    @_optional
    @_routed
    def runtime_end(self, handle: str, lines: int) -> str:
        """Do what ``runtime_destroy`` does, and return the last ``lines`` lines of the agent's terminal.

        For runtimes where to ask for the output first would cost another trip, or show less than the end does. Of a
        runtime that is gone, what is left of its output is returned, even if that is nothing.

        :raises HookError: it could not be ended, or it is not known whether it was.
        """
        return ""

    @_optional
    @_routed
    def runtime_submit(self, handle: str) -> None:
        """Submit what stands typed in the agent's terminal, as Enter does, and type nothing else.

        :raises HookError: the runtime is gone, or does not answer.
        """
        return

    @_optional
    @_routed
    def runtime_attach_command(self, handle: str) -> Sequence[str]:
        """Return the argv that attaches the current terminal to the runtime, to be run in place of rouser."""
        return ()

    @_optional
    @_routed
    def runtime_list_alive(self, handles: Sequence[str]) -> Mapping[str, bool]:
        """Answer ``runtime_is_alive`` for many handles in one round trip.

        :returns: a value for each handle of which it is known for certain; the others are left out.
        :raises HookError: nothing is known of any of them.
        """
        return {}

    @_optional
    @_routed
    def runtime_describe(self, handles: Sequence[str]) -> Mapping[str, str]:
        """Return a note for people on each live runtime of which there is something to say, like ``ends in 12m``.

        Asked by ``rouser ls`` and ``rouser show``, right after ``runtime_list_alive``, of those that are alive.

        :returns: a few words for each, which begin with no capital; the others are left out.
        :raises HookError: the backend does not answer.
        """
        return {}

    @_optional
    @_routed
    def runtime_options(self, options: Mapping[str, str]) -> Mapping[str, Any]:
        """Check what ``rouser spawn --runtime-option`` gave, and return what the session is to keep of it.

        Called before anything is made, and only with options; a runtime without this hook takes none. The
        result is the session's ``runtime_config``, which ``runtime_create`` finds there at every start.

        :param options: values by key, as they were typed.
        :returns: JSON values only.
        :raises HookError: an option is unknown or unusable; what is allowed instead.
        """
        return {}

    @_optional
    @_routed
    def runtime_discover(self) -> Sequence[DiscoveredRuntime]:
        """Return the live runtimes that this plugin created, on the backend that it is configured for.

        This is how a restore finds the runtime of a command that was killed between creating and recording,
        and how ``rouser doctor`` finds orphans. Without it, such a restore relies on ``runtime_create``
        refusing a name that is taken.

        :raises HookError: the backend does not answer.
        """
        return ()

    @_optional
    @_routed
    def runtime_adopt(self, session: Session, pid: int) -> str | None:
        """Take the runtime in which a process already runs for the session's, and return its handle.

        The process, which somebody started by hand, and everything around it stay as they are: nothing is
        stopped, moved or renamed. From then on the handle works as one of ``runtime_create``, but
        ``runtime_destroy`` ends only this process and those that it started, never what the user has around it.
        Idempotent for a session.

        :param session: the session that it is for, which is not on record yet.
        :param pid: a live process, the session's agent.
        :returns: None when the process runs in no runtime of this kind.
        :raises HookError: it runs in one that cannot be adopted, and why, or that is not known.
        """
        return None


class AgentSpec(Protocol):
    """What runs in a runtime: Claude Code, Codex, any command line."""

    @_routed
    def agent_launch_command(self, session: Session) -> Sequence[str]:
        """Return the argv that starts a fresh conversation, without the prompt.

        :param session: its ``conversation`` is what ``agent_find_conversation`` returned just before, or None when
            the evidence for it was too weak.
        """
        ...

    @_routed
    def agent_restore_command(self, session: Session) -> Sequence[str] | None:
        """Return the argv that resumes ``session.conversation``, without the prompt.

        :returns: None when there is nothing to resume; the launch command is used then.
        """
        ...

    @_routed
    def agent_environment(self, session: Session) -> Mapping[str, str | None]:
        """Return environment variables for the agent; None removes one that it must not inherit."""
        ...

    @_routed
    def agent_initial_prompt(self, session: Session) -> str:
        """Return the prompt that starts the work on ``session.task``; empty when there is none.

        Not asked when the session has an ``initial_prompt_override``.
        """
        ...

    @_routed
    def agent_detect_activity(self, session: Session) -> ActivityState | None:
        """Return what the agent is doing, from its own evidence; None when it cannot be told.

        Must be quick: ``rouser ls`` asks it of every live session.
        """
        ...

    @_routed
    def agent_find_conversation(self, session: Session) -> Conversation | None:
        """Return the conversation that belongs to the session, and how that is known.

        Asked before the agent is started, and again once it is up, for agents that choose the id themselves.

        For a session that was never launched, an agent that can pin ids returns the one that the launch
        command will pin. None: this agent keeps no conversations, or none is found.
        """
        ...

    @_optional
    @_routed
    def agent_prepare(self, session: Session) -> Mapping[str, Any] | None:
        """Check at spawn, before anything is created, that the session can be run, and say what to remember.

        :returns: entries to add to the session's ``agent_config``, JSON values only: what a restore from
            another shell must know of this one. None: nothing.
        :raises HookError: it cannot be run: what is wrong and how to mend it.
        """
        return None

    @_optional
    @_routed
    def agent_prompt_arguments(self, session: Session, prompt: str) -> Sequence[str] | None:
        """Return the argv tail that makes the agent start with ``prompt``, which is not blank.

        :returns: None when this prompt cannot travel that way; it is then sent through the runtime.
        """
        return None

    @_optional
    @_routed
    def agent_starting(self, session: Session, prompt: str) -> None:
        """Write what the command that is about to be started needs, or clear out of its way.

        Called at spawn and at restore right before ``runtime_create``, after the intent was recorded; never in
        a dry run.

        :param session: as ``agent_launch_command`` or ``agent_restore_command`` had it.
        :param prompt: what goes to the agent with this start; empty when nothing does.
        :raises HookError: it cannot be done; the agent is not started then.
        """
        return

    @_optional
    @_routed
    def agent_has_started(self, session: Session) -> bool | None:
        """Return whether the agent of the last start has said itself that it is up, in whatever way.

        :returns: None when it cannot be told; an agent whose process lives then counts as started.
        """
        return None

    @_optional
    @_routed
    def agent_explain_screen(self, session: Session, output: str) -> str | None:
        """Recognise in the agent's terminal what keeps it from working: a dialog, a log-in, a fatal error.

        :param output: the last lines of its terminal, perhaps after it has ended.
        :returns: what it is and what to do about it, one line without a full stop. None: nothing is recognised.
        """
        return None

    @_optional
    @_routed
    def agent_holder(self, session: Session) -> str | None:
        """Return the live process that has the session's conversation open.

        Asked at a restore, when the session's own agent is gone; whoever is named must not have the
        conversation resumed a second time.

        :returns: how to name it to people, like ``process 4711``. None: nobody has, as far as can be told.
        """
        return None

    @_optional
    @_routed
    def agent_prompt_state(self, session: Session, prompt: str, since: datetime | None) -> PromptState | None:
        """Return how far ``prompt`` got, by the agent's own evidence.

        :param prompt: the text as it was sent.
        :param since: evidence from before this moment, in UTC, is about the same words at an earlier time and
            does not count. None: the conversation is the session's own, so all evidence counts, also that of
            conversations from which the agent went on to this one.
        :returns: ``QUEUED`` when nothing is seen of it, ``ACCEPTED`` when the agent has it, ``DURABLE`` when it
            stands in the conversation and would survive the agent. None when it cannot be told.
        """
        return None

    @_optional
    @_routed
    def agent_is_ready(self, session: Session, output: str) -> bool | None:
        """Return whether the agent takes input now.

        :param output: the last lines of its terminal.
        :returns: None when it cannot be told; a prompt is then sent without waiting.
        """
        return None

    @_optional
    @_routed
    def agent_message(self, session: Session, message: str) -> str:
        """Return what to type so that the agent takes all of ``message`` for text, and none for a command.

        Called right before it is typed. Without it, the message is typed as it is.

        :param message: text of one or more lines, not blank.
        :raises HookError: there is no way to type it.
        """
        return message

    @_optional
    @_routed
    def agent_holds_input(self, session: Session, output: str, message: str) -> bool | None:
        """Return whether what was typed stands in the agent's input, not submitted yet, and nothing else does.

        :param output: the last lines of its terminal.
        :param message: what was typed.
        :returns: None when it cannot be told. Only after True is it submitted again.
        """
        return None

    @_optional
    @_routed
    def agent_discover(self, since: datetime | None) -> Sequence[DiscoveredConversation]:
        """Return the conversations on this machine that the agent's own records show, sessions' own among them.

        Only those that can be resumed, and those that a live process holds. There may be thousands: read as
        little of each as will do.

        :param since: leave out those that were not written to since then and that no live process holds. None: all.
        :raises HookError: the records cannot be read.
        """
        return ()


class WorkspaceSpec(Protocol):
    """Where the files are: a git worktree, a clone."""

    @_routed
    def workspace_create(self, session: Session, repository: Path, branch: str, base: str | None) -> Path:
        """Make the session's workspace and return its absolute path.

        Idempotent for a session: after a crash it is called again with the same arguments, and completes or
        returns what the first call made. A workspace that is half made when it fails is removed again.

        :param repository: the absolute path of a directory in the repository.
        :param branch: the branch to have there, created from ``base`` if it does not exist.
        :param base: the revision that a new branch starts from. None: what the repository has checked out.
        :raises HookError: no repository there, branch busy or badly named, unknown base, disk full, ...
        """
        ...

    @_routed
    def workspace_exists(self, path: Path) -> bool:
        """Return whether ``path`` is a usable workspace, not merely a directory that is there.

        :raises HookError: it cannot be known.
        """
        ...

    @_routed
    def workspace_destroy(self, path: Path, force: bool) -> None:
        """Remove the workspace. Idempotent.

        Never removes what is not a workspace that this plugin made, whatever ``force`` says.

        :param force: remove it even if that loses uncommitted or unpushed work.
        :raises HookError: it holds such work and ``force`` is False, or it could not be removed.
        """
        ...

    @_optional
    @_routed
    def workspace_restore(self, session: Session, path: Path) -> Path:
        """Recreate a workspace that is gone, at ``path``, from the session's branch and no other.

        Without it, a session whose workspace is gone cannot be restored.

        :returns: the absolute path of the usable workspace.
        :raises HookError: it cannot be recreated, and why; nothing was changed.
        """
        raise NotImplementedError

    @_optional
    @_routed
    def workspace_has_branch(self, repository: Path, branch: str) -> bool:
        """Return whether ``repository`` has a branch of that name already.

        Asked before a name is made up for a new session, so that it does not go on with what another session
        left. Without it, only the branches of the sessions on record count as taken.

        :raises HookError: it cannot be told: no repository there, a name that no branch may have.
        """
        return False

    @_optional
    @_routed
    def workspace_describe(self, path: Path) -> str:
        """Return one line on the work in a usable workspace, like ``2 files changed, not committed``."""
        return ""

    @_optional
    @_routed
    def workspace_discover(self) -> Sequence[DiscoveredWorkspace]:
        """Return the workspaces that this plugin made and that still exist, for ``rouser doctor``."""
        return ()

    @_optional
    @_routed
    def workspace_snapshot(self, session: Session, path: Path, reason: str) -> Snapshot | None:
        """Keep the work in a workspace that is not committed, untracked files included, and change nothing in it.

        Called before a workspace is removed and whenever people ask for it, also while the agent works there and
        while another call does the same. What is kept survives the loss of the workspace, and of its branch.

        :param path: the workspace, perhaps broken; what is in it is to be kept as long as it can be told.
        :param reason: why, a few words, to be kept with it.
        :returns: None when there is nothing to keep, or nothing that the newest snapshot does not have.
        :raises HookError: it could not be kept; nothing of it is left behind.
        """
        return None

    @_optional
    @_routed
    def workspace_snapshots(self, session: Session) -> Sequence[Snapshot]:
        """Return the session's snapshots, newest first, whether or not its workspace, or the session, is still there.

        Required of a plugin that has ``workspace_snapshot``.

        :raises HookError: they cannot be read.
        """
        return ()

    @_optional
    @_routed
    def workspace_restore_snapshot(self, session: Session, path: Path, number: int, overwrite: bool) -> Sequence[str]:
        """Put the work of a snapshot back into a usable workspace, not committed, as it was.

        Files that the snapshot did not have as work are left alone. Required of a plugin that has
        ``workspace_snapshot``.

        :param number: which snapshot.
        :param overwrite: replace also what has changed since; whoever asks for it has kept that.
        :returns: the names of the files that were left as they are, since they have changed otherwise since.
        :raises HookError: there is no such snapshot, or it could not be put back.
        """
        return ()

    @_optional
    @_routed
    def workspace_drop_snapshot(self, session: Session, number: int) -> None:
        """Forget a snapshot, for good. Idempotent.

        :raises HookError: it could not be.
        """
        return


class SessionEventsSpec(Protocol):
    """What happens to sessions. Told to every plugin that listens; none can stop it or each other."""

    @_optional
    @_broadcast
    def session_restoring(self, session: Session) -> None:
        """Told when a restore has passed all checks and is about to change something."""
        return

    @_optional
    @_broadcast
    def session_restored(self, session: Session, outcome: RestoreOutcome) -> None:
        """Told when a restore has succeeded and was recorded."""
        return

    @_optional
    @_broadcast
    def session_restore_failed(self, session: Session, error: Exception) -> None:
        """Told when a restore failed after ``session_restoring``; ``session`` is the untouched record."""
        return

    @_optional
    @_broadcast
    def session_removed(self, session: Session) -> None:
        """Told when a session's record was removed, for good; ``session`` is what it was."""
        return

    @_optional
    @_broadcast
    def session_status_changed(self, session: Session, old: SessionStatus | None, new: SessionStatus) -> None:
        """Told when another status was recorded; ``old`` is None for a session that was just added."""
        return


class PluginSpec(Protocol):
    """What any plugin may offer, of whatever kind."""

    @_optional
    @_routed
    def plugin_configure(self, settings: Mapping[str, Any]) -> None:
        """Take the plugin's settings, once, before any other of its hooks is called.

        :param settings: the table ``[plugins.NAME]`` of the configuration, overlaid with the environment
            variables ``ROUSER_NAME_KEY`` (upper case, ``-`` as ``_``), whose values are strings.
        :raises HookError: a setting is unknown or unusable; what is allowed instead.
        """
        return

    @_optional
    @_routed
    def plugin_scratch_settings(self, directory: Path) -> Mapping[str, Any]:
        """Return settings under which the plugin works apart from everything that is the user's own.

        ``rouser demo`` and tests run with them: a backend and files of their own, all below ``directory``, an
        existing, private and empty directory with a short path. Called before ``plugin_configure``.
        """
        return {}

    @_optional
    @_routed
    def plugin_available(self) -> str | None:
        """Return why the plugin is of no use on this machine, one line; None when nothing speaks against it.

        Must be quick, as ``rouser spawn`` may ask it: look for a program, don't run it.
        """
        return None

    @_optional
    @_routed
    def plugin_diagnose(self) -> Sequence[Diagnosis]:
        """Return what ``rouser doctor`` should tell of the plugin's own needs: programs, versions, access."""
        return ()


KINDS: Final[Mapping[str, type]] = {
    "runtime": RuntimeSpec,
    "agent": AgentSpec,
    "workspace": WorkspaceSpec,
    "events": SessionEventsSpec,
    "plugin": PluginSpec,
}


def hooks_of(spec: type) -> list[str]:
    """Return the names of the hooks that a spec class declares, in its own order."""
    marker = f"{PROJECT}_spec"
    return [name for name, value in vars(spec).items() if hasattr(value, marker)]


def is_optional(spec: type, hook: str) -> bool:
    """Return whether plugins of the kind may leave ``hook`` out."""
    return bool(getattr(getattr(spec, hook), "rouser_optional", False))
