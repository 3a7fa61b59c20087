"""The Slurm runtime of rouser: each agent in a job of its own, on whatever node Slurm gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rouser import (
    Diagnosis,
    DiscoveredRuntime,
    HookError,
    PluginSpec,
    RuntimeSpec,
    Session,
    SessionEventsSpec,
    hookimpl,
)
from rouser_slurm import lease
from rouser_slurm.client import Slurm
from rouser_slurm.creation import Creator
from rouser_slurm.destruction import Destroyer
from rouser_slurm.diagnosis import diagnose, unusable
from rouser_slurm.discovery import discover
from rouser_slurm.handle import Handle
from rouser_slurm.judgement import Judge, notes
from rouser_slurm.places import generation_of
from rouser_slurm.queue import Queue
from rouser_slurm.settings import check, parse
from rouser_slurm.submission import Pace
from rouser_slurm.terminal import Terminals, last


class SlurmRuntime(RuntimeSpec, PluginSpec, SessionEventsSpec):
    """Runs agents as jobs; see the README for what is promised and how.

    Which copy of a session may live is decided by a lease on the shared file system, not by the controller, which
    can lose nodes that live on.
    """

    def __init__(self) -> None:
        self.plugin_configure({})

    @hookimpl
    def plugin_configure(self, settings: Mapping[str, Any]) -> None:
        """Take the settings that the README lists, and those of sbatch for all sessions."""
        self._settings = parse(settings)
        self._slurm = Slurm(self._settings.conf, self._settings.cluster)
        self._queue = Queue(self._slurm)
        self._judge = Judge(self._queue, self._settings.lease_seconds)
        self._terminals = Terminals(self._slurm, self._settings.tmux)
        pace = Pace(self._settings.submissions_per_second)
        self._destroyer = Destroyer(self._slurm, self._queue, self._settings.lease_seconds)
        self._creator = Creator(self._slurm, self._queue, pace, self._settings, self._judge)

    @hookimpl
    def plugin_scratch_settings(self, directory: Path) -> Mapping[str, Any]:
        """Use files of its own; the cluster is the user's, and so are the jobs."""
        return {"directory": str(directory)}

    @hookimpl
    def plugin_available(self) -> str | None:
        """Return that this machine is part of no cluster, or lacks Slurm's programs, if so."""
        return unusable(self._slurm)

    @hookimpl
    def plugin_diagnose(self) -> Sequence[Diagnosis]:
        """Look at the programs, the controller and the directory."""
        return list(diagnose(self._slurm, self._queue, self._settings))

    @hookimpl
    def runtime_options(self, options: Mapping[str, str]) -> Mapping[str, Any]:
        """Check options of sbatch, which the session's jobs get."""
        return check(options)

    @hookimpl
    def runtime_create(
        self, session: Session, name: str, cwd: Path, command: Sequence[str], env: Mapping[str, str]
    ) -> str:
        """Submit a job and return when the agent in it was started."""
        return str(self._creator.create(session, name=name, cwd=cwd, command=command, env=env))

    @hookimpl
    def runtime_is_alive(self, handle: str) -> bool:
        """Return whether the agent runs, by Slurm's word and the job's own."""
        return self._judge.is_alive(Handle.parse(handle))

    @hookimpl
    def runtime_list_alive(self, handles: Sequence[str]) -> Mapping[str, bool]:
        """Answer for many, with one question to the controller."""
        parsed: dict[str, Handle] = {}
        failure: HookError | None = None
        for text in handles:
            try:
                parsed[text] = Handle.parse(text)
            except HookError as error:
                failure = error
        answers = self._judge.answers(list(parsed.values()))
        known = {text: answer for text, handle in parsed.items() if isinstance(answer := answers[handle], bool)}
        failure = next((answer for answer in answers.values() if isinstance(answer, HookError)), failure)
        if failure and not known:
            raise failure
        return known

    @hookimpl
    def runtime_describe(self, handles: Sequence[str]) -> Mapping[str, str]:
        """Return when the jobs reach their time limits."""
        parsed = {Handle.parse(text): text for text in handles}
        return {parsed[handle]: note for handle, note in notes(self._queue.jobs(), list(parsed)).items()}

    @hookimpl
    def runtime_send_message(self, handle: str, message: str) -> None:
        """Paste the message into the agent's terminal, and submit it."""
        self._terminals.send(Handle.parse(handle), message)

    @hookimpl
    def runtime_submit(self, handle: str) -> None:
        """Submit what stands typed in the agent's terminal."""
        self._terminals.submit(Handle.parse(handle))

    @hookimpl
    def runtime_get_output(self, handle: str, lines: int) -> str:
        """Return the last lines of the terminal, also after its end, or that of its node."""
        return self._terminals.last_lines(Handle.parse(handle), lines)

    @hookimpl
    def runtime_attach_command(self, handle: str) -> Sequence[str]:
        """Return the argv that attaches to the agent's terminal."""
        return self._terminals.attach_command(Handle.parse(handle))

    @hookimpl
    def runtime_destroy(self, handle: str) -> None:
        """End the agent and its job."""
        self._destroyer.destroy(Handle.parse(handle))

    @hookimpl
    def runtime_end(self, handle: str, lines: int) -> str:
        """End the agent and its job, and return what the job kept of the terminal: no step has to be started for it."""
        return last(self._destroyer.destroy(Handle.parse(handle)), lines)

    @hookimpl
    def runtime_discover(self) -> Sequence[DiscoveredRuntime]:
        """Return the runtimes whose files are in the configured directory and whose agents run."""
        return discover(self._judge, self._settings.directory)

    @hookimpl
    def session_removed(self, session: Session) -> None:
        """Remove the files of a session that is no more."""
        if session.runtime_handle is None:
            return
        try:
            handle = Handle.parse(session.runtime_handle)
        except HookError:
            return
        current = lease.read(generation_of(handle).lease)
        if current is not None and not current.held and current.session_id == session.id:
            generation_of(handle).remove_name()
